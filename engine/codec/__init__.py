"""The columnar codec of `route.new-position`, the one message there are millions of."""

from engine.codec.batch import PositionBatch
from engine.codec.decoder import Decoded, decode_buffer, decode_positions
from engine.codec.encoder import PositionEncoder
from engine.codec.layout import BOUNDS, MAX_RECORD_BYTES, KeyField
from engine.codec.positions import Positions
from engine.codec.records import EncodedRecords, EncodedRows

__all__ = [
    "PositionEncoder",
    "EncodedRecords",
    "EncodedRows",
    "decode_positions",
    "decode_buffer",
    "Decoded",
    "PositionBatch",
    "Positions",
    "BOUNDS",
    "MAX_RECORD_BYTES",
    "KeyField",
]

"""What REST and the live sockets share of their language.

CamelCase JSON, SI units, times in virtual epoch ms.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Schema(BaseModel):
    """Base of every JSON object: camelCase outside, snake_case inside."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, json_schema_serialization_defaults_required=True
    )


class Point(Schema):
    """A place on Earth, degrees on WGS84."""

    lat: float = Field(ge=-90, le=90, examples=[47.1416])
    lng: float = Field(ge=-180, le=180, examples=[9.5215])


class LineString(Schema):
    """A GeoJSON line: positions are [longitude, latitude]."""

    type: Literal["LineString"] = "LineString"
    coordinates: list[tuple[float, float]] = Field(examples=[[[9.5215, 47.1416], [9.5221, 47.1423]]])

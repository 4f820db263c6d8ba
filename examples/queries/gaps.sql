-- Gaps: positions of a delivery that are not there, before and after which others are. Injected ones are among them.
SELECT delivery_id, seq_before + 1 AS from_seq, seq - 1 AS to_seq
FROM (SELECT delivery, seq, lag(seq) OVER (PARTITION BY delivery ORDER BY seq) AS seq_before FROM positions)
    JOIN deliveries ON deliveries.no = delivery
WHERE seq > seq_before + 1
ORDER BY delivery_id, from_seq LIMIT 20

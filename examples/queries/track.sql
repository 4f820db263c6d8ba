-- The track of the delivery with most positions: seconds since its first, place, speed, distance.
SELECT (event_time_ms - min(event_time_ms) OVER ()) / 1000 AS seconds, lat_deg, lng_deg, speed_mps, distance_m
FROM positions
WHERE delivery = (SELECT delivery FROM positions GROUP BY delivery ORDER BY count(*) DESC, delivery LIMIT 1)
ORDER BY seq LIMIT 10

-- The routes with most positions: deliveries, positions, mean speed in km/h.
SELECT route_id, count(DISTINCT delivery_id) AS deliveries, count(*) AS positions, round(avg(speed_mps) * 3.6, 1) AS kmh
FROM positions JOIN deliveries ON deliveries.no = positions.delivery
GROUP BY route_id ORDER BY positions DESC, route_id LIMIT 10

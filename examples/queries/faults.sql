-- Injected faults by kind: how many labels there are, and how many positions they cover.
SELECT event ->> '$.fault' AS fault, count(*) AS labels,
    sum(CAST(event ->> '$.toSeq' AS BIGINT) - CAST(event ->> '$.fromSeq' AS BIGINT) + 1) AS positions
FROM delivery_events WHERE kind = 'fault'
GROUP BY fault ORDER BY fault

-- name: topics
-- All topics on which this ledger ever lived.
SELECT topic_id FROM ledger_topic;

-- name: newest
-- The furthest place that a projector of this topic has accepted and folded.
SELECT position, chain_hash, term, "offset", leader_epoch FROM projection_place
 WHERE topic_id = %(topic_id)s ORDER BY position DESC LIMIT 1;

-- name: newest
-- The furthest place that a projector of this topic has accepted and folded.
SELECT position, chain_hash, term, "offset", leader_epoch FROM projection_place
 WHERE topic_id = %(topic_id)s ORDER BY position DESC LIMIT 1;

-- name: stored
-- The places of a topic, newest first.
SELECT position, chain_hash, term, "offset", leader_epoch FROM ledger_place
 WHERE topic_id = %(topic_id)s ORDER BY position DESC;

-- name: put
-- The newest place known to be entered; of those before it one every 10 000 positions is kept.
WITH newest AS (
    INSERT INTO ledger_place (topic_id, position, chain_hash, term, "offset", leader_epoch, at)
    VALUES (%(topic_id)s, %(position)s, %(chain)s, %(term)s, %(offset)s, %(leader_epoch)s, %(at)s)
        ON CONFLICT (topic_id, position) DO UPDATE
       SET "offset" = excluded."offset", leader_epoch = excluded.leader_epoch, at = excluded.at)
DELETE FROM ledger_place AS former
 WHERE topic_id = %(topic_id)s AND position < %(position)s
   AND (position / 10000 = %(position)s / 10000
        OR EXISTS (SELECT FROM ledger_place AS kept
                    WHERE kept.topic_id = former.topic_id AND kept.position < former.position
                      AND kept.position / 10000 = former.position / 10000));

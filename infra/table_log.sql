-- name: read
-- The records behind a position, up to another.
SELECT position, bytes, sig FROM ledger_record
 WHERE position > %(after)s AND position <= %(upto)s ORDER BY position;

-- name: end
-- The last position.
SELECT coalesce(max(position), 0) FROM ledger_record;

-- name: position_on
-- The last position of the last day up to this one on which something was recorded.
SELECT last_position FROM day WHERE day <= %(day)s ORDER BY day DESC LIMIT 1;

-- name: last
-- The last event of a subject up to a position.
SELECT position FROM timeline WHERE subject = %(subject)s AND position <= %(known_at)s
 ORDER BY position DESC LIMIT 1;

-- name: events
-- The events of a subject between two positions, the first one left out, in order.
SELECT position, event, type, major, data FROM timeline
 WHERE subject = %(subject)s AND position > %(after)s AND position <= %(known_at)s ORDER BY position;

-- name: count_editions
-- How many editions were published up to a position.
SELECT count(*) FROM edition WHERE position <= %(known_at)s;

-- name: texts
-- The texts of some editions, in the order in which they were published.
SELECT text FROM edition ORDER BY position OFFSET %(after)s LIMIT %(count)s;

-- name: edition
-- One edition with its text.
SELECT edition, rulebook, position, digest, text FROM edition WHERE edition = %(edition)s;

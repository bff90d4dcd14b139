-- Everything is read in one snapshot, in order, through cursors: the log may be longer than memory.

-- name: head
-- The head row, and how many records of the eventsourcing library are numbered.
SELECT position, chain_hash, term, recorded_at, notifications, (SELECT count(*) FROM ledger_notification)
  FROM ledger_head;

-- name: notifications
-- Where the numbering of the eventsourcing library's records is not 1, 2, 3 …: the position, the number that is due
-- there and the one that stands, null where there is none.
SELECT position, due.number, kept.notification_id
  FROM (SELECT position, row_number() OVER (ORDER BY position) AS number
          FROM ledger_record WHERE type = 'eventsourcing-stored') AS due
  FULL JOIN ledger_notification AS kept USING (position)
 WHERE due.number IS DISTINCT FROM kept.notification_id ORDER BY position;

-- name: last
-- The last position.
SELECT coalesce(max(position), 0) FROM ledger_record;

-- name: known_entered
-- The last position that is known to have been entered on Kafka: the relay or a projector has read it there.
SELECT coalesce(max(position), 0)
  FROM (SELECT topic_id, position FROM ledger_place UNION ALL SELECT topic_id, position FROM projection_place) AS place
 WHERE topic_id <> 'table';

-- name: records
-- All records with their columns.
SELECT position, event_id::text, chain_hash, leaf_hash, term, type, subject, subject_version, bytes, sig
  FROM ledger_record ORDER BY position;

-- name: commands
-- What the keys did, in the order of the log.
SELECT first_position, encode(key_hash, 'hex'), encode(command_hash, 'hex'), last_position
  FROM ledger_command ORDER BY first_position, key_hash;

-- name: identifiers
-- Which subject an identifier names, in the order of the log.
SELECT position, kind, value, subject FROM ledger_identifier ORDER BY position, kind, value;

-- name: holder
-- The subject that an identifier names, and since which position.
SELECT subject, position FROM ledger_identifier WHERE kind = %(kind)s AND value = %(value)s;

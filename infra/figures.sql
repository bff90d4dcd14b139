-- name: session
-- A look at the figures is never in the way of the ledger, and never waits for it.
SELECT set_config('statement_timeout', '5s', false), set_config('lock_timeout', '1s', false),
       set_config('synchronous_commit', 'off', false), set_config('application_name', 'credit-ledger figures', false);

-- name: views
-- The generation that is read, the former one, up to where they show the log, and before which record the projector of
-- the first has stopped; null where it has not, or has come past it since.
SELECT g.live, g.former, coalesce(p.position, 0) AS shown, f.position AS shown_by_former, h.position AS halted
  FROM projection_generation AS g
  LEFT JOIN projection_place AS p ON p.projector = 'views' AND p.generation = g.live
  LEFT JOIN projection_place AS f ON f.projector = 'views' AND f.generation = g.former
  LEFT JOIN projection_halt AS h ON h.generation = g.live AND h.position > coalesce(p.position, 0);

-- name: recorded_at
-- When the record at a position was recorded; it says so itself.
SELECT convert_from(bytes, 'UTF8')::json ->> 'time' FROM ledger_record WHERE position = %(position)s;

-- name: running_rebuild
-- Up to where the views are made anew just now: a process holds the lock of those that do. No row where none does.
SELECT r.begun_at, coalesce((SELECT min(position) FROM projection_place AS p WHERE p.generation = r.generation), 0)
  FROM projection_rebuild AS r
 WHERE r.ended_at IS NULL
   AND EXISTS (SELECT FROM pg_locks
                WHERE locktype = 'advisory' AND granted AND classid = 4711 AND objsubid = 2
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND objid = (hashtext('credit-ledger rebuild')::bigint & 4294967295)::oid)
 ORDER BY r.begun_at DESC LIMIT 1;

-- name: last_rebuild
-- When the views were last made anew, from how many events, in how many seconds.
SELECT ended_at, events, seconds FROM projection_rebuild WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT 1;

-- name: refused
-- What commands of the command line refused.
SELECT source, reason, times FROM ledger_refused ORDER BY source, reason;

-- name: count_refused
-- One command of the command line has refused so much.
INSERT INTO ledger_refused AS known (source, reason, times)
SELECT %(source)s, reason, times FROM unnest(%(reasons)s::text[], %(times)s::bigint[]) AS here (reason, times)
    ON CONFLICT (source, reason) DO UPDATE SET times = known.times + excluded.times;

-- name: appended
-- How many records of each type were ever appended: counted ones, those behind them, and those that were set aside.
SELECT type, sum(events)::bigint
  FROM (SELECT type, events FROM ledger_tally
         UNION ALL
        SELECT type, count(*) FROM ledger_record WHERE position > %(tallied)s GROUP BY type
         UNION ALL
        SELECT type, count(*) FROM ledger_aside GROUP BY type) AS counted
 GROUP BY type ORDER BY type;

-- name: tallied
-- Up to where records are counted.
SELECT position FROM ledger_tallied;

-- name: settled
-- Up to where nothing is ever set aside: on Kafka what is known to be entered, on the table log all.
SELECT CASE WHEN EXISTS (SELECT FROM ledger_topic) THEN (SELECT coalesce(max(position), 0) FROM ledger_place)
            ELSE (SELECT position FROM ledger_head) END;

-- name: hold_tally
-- Whoever counts, counts alone; no row where another process does.
SELECT position FROM ledger_tallied FOR UPDATE SKIP LOCKED;

-- name: tally
-- Count the records behind a position, up to another.
WITH counted AS (
    INSERT INTO ledger_tally AS known (type, events)
    SELECT type, count(*) FROM ledger_record WHERE position > %(after)s AND position <= %(upto)s GROUP BY type
        ON CONFLICT (type) DO UPDATE SET events = known.events + excluded.events)
UPDATE ledger_tallied SET position = %(upto)s;

-- name: begin_rebuild
-- The views begin to be made anew; what was cut off before is of no use any more.
WITH cut_off AS (
    DELETE FROM projection_rebuild WHERE ended_at IS NULL AND generation <> %(generation)s)
INSERT INTO projection_rebuild (generation, begun_at) VALUES (%(generation)s, %(at)s)
    ON CONFLICT (generation) DO UPDATE SET begun_at = excluded.begun_at, ended_at = NULL, events = NULL, seconds = NULL;

-- name: end_rebuild
-- They are made, from so many events.
UPDATE projection_rebuild SET ended_at = greatest(begun_at, %(at)s), events = %(events)s, seconds = %(seconds)s
 WHERE generation = %(generation)s;

-- name: put_halt
-- The projector of the generation that is read has stopped before a record.
INSERT INTO projection_halt (generation, position, event, type, at)
SELECT live, %(position)s, %(event)s, %(type)s, %(at)s FROM projection_generation
    ON CONFLICT (generation) DO UPDATE
   SET position = excluded.position, event = excluded.event, type = excluded.type, at = excluded.at;

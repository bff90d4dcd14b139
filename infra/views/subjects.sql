-- What is asked about one subject. A question as known at a position is put to what is known now and to what was known
-- then; together they hold one row a key.

-- name: find
-- The subjects that some identifiers lead to.
SELECT DISTINCT i.subject
  FROM unnest(%(kinds)s::text[], %(values)s::text[]) AS k (kind, value)
  JOIN subject_identifier AS i ON i.kind = k.kind COLLATE "C" AND i.value = k.value COLLATE "C"
 WHERE i.known_from <= %(known_at)s;

-- name: stream
-- The first and the last event of a subject up to a position, and how many there are.
SELECT s.registered_at, t.position, t.version
  FROM subject AS s
  JOIN timeline AS t ON t.subject = s.subject AND t.position <= %(known_at)s
 WHERE s.subject = %(subject)s AND s.registered_at <= %(known_at)s
 ORDER BY t.position DESC LIMIT 1;

-- name: course
-- The course of a subject in a scoring regime.
SELECT effective_from, nullif(effective_until, 'infinity'), state, edition, grade, score, complete, verified
  FROM grade_now
 WHERE regime = %(regime)s AND subject = %(subject)s AND known_from <= %(known_at)s
 UNION ALL
SELECT effective_from, nullif(effective_until, 'infinity'), state, edition, grade, score, complete, verified
  FROM grade_was
 WHERE regime = %(regime)s AND subject = %(subject)s AND known_from <= %(known_at)s AND known_until > %(known_at)s
 ORDER BY 1;

-- name: standing
-- What stands against a subject on a day.
SELECT fact, position, type, title, effective_from, nullif(effective_until, 'infinity'), ended_by, known_from
  FROM standing_now
 WHERE subject = %(subject)s AND effective_from <= %(as_of)s AND effective_until > %(as_of)s
   AND known_from <= %(known_at)s
 UNION ALL
SELECT fact, position, type, title, effective_from, nullif(effective_until, 'infinity'), ended_by, known_from
  FROM standing_was
 WHERE subject = %(subject)s AND effective_from <= %(as_of)s AND effective_until > %(as_of)s
   AND known_from <= %(known_at)s AND known_until > %(known_at)s
 ORDER BY position;

-- name: measures
-- The measures that run against a subject on a day.
SELECT found.*, named.name, coded.value
  FROM (SELECT subject, regime, edition, finding, position, effective_from, nullif(effective_until, 'infinity') AS until,
               verified, known_from
          FROM measure_now
         WHERE subject = %(subject)s AND effective_from <= %(as_of)s AND effective_until > %(as_of)s
           AND known_from <= %(known_at)s
         UNION ALL
        SELECT subject, regime, edition, finding, position, effective_from, nullif(effective_until, 'infinity') AS until,
               verified, known_from
          FROM measure_was
         WHERE subject = %(subject)s AND effective_from <= %(as_of)s AND effective_until > %(as_of)s
           AND known_from <= %(known_at)s AND known_until > %(known_at)s) AS found
  LEFT JOIN LATERAL (SELECT n.name FROM subject_name AS n
                      WHERE n.subject = found.subject AND n.known_from <= %(known_at)s
                      ORDER BY n.known_from DESC LIMIT 1) AS named ON true
  LEFT JOIN LATERAL (SELECT i.value FROM subject_identifier AS i
                      WHERE i.subject = found.subject AND i.held AND i.known_from <= %(known_at)s
                      ORDER BY i.kind <> 'uscc', i.ordinal LIMIT 1) AS coded ON true
 ORDER BY found.regime, found.effective_from, found.finding;

-- name: listings
-- The lists that a subject is on, on a day.
SELECT found.*, named.name, coded.value
  FROM (SELECT subject, list, list_name, regime, listing, position, dated, effective_from,
               nullif(effective_until, 'infinity') AS until, verified, known_from
          FROM listing_now
         WHERE subject = %(subject)s AND effective_from <= %(as_of)s AND effective_until > %(as_of)s
           AND known_from <= %(known_at)s
         UNION ALL
        SELECT subject, list, list_name, regime, listing, position, dated, effective_from,
               nullif(effective_until, 'infinity') AS until, verified, known_from
          FROM listing_was
         WHERE subject = %(subject)s AND effective_from <= %(as_of)s AND effective_until > %(as_of)s
           AND known_from <= %(known_at)s AND known_until > %(known_at)s) AS found
  LEFT JOIN LATERAL (SELECT n.name FROM subject_name AS n
                      WHERE n.subject = found.subject AND n.known_from <= %(known_at)s
                      ORDER BY n.known_from DESC LIMIT 1) AS named ON true
  LEFT JOIN LATERAL (SELECT i.value FROM subject_identifier AS i
                      WHERE i.subject = found.subject AND i.held AND i.known_from <= %(known_at)s
                      ORDER BY i.kind <> 'uscc', i.ordinal LIMIT 1) AS coded ON true
 ORDER BY found.list, found.listing;

-- name: timeline
-- The events of a subject behind a position.
SELECT position, event, type, version, recorded_at, effective_on, actor, data
  FROM timeline
 WHERE subject = %(subject)s AND position > %(after)s AND position <= %(known_at)s
 ORDER BY position LIMIT %(limit)s;

-- name: changes
-- What the events between two positions, both included, changed in the scoring regimes of a subject.
SELECT position, regime, grade_before, score_before, grade_after, score_after, changed_from,
       nullif(changed_until, 'infinity')
  FROM timeline_change
 WHERE subject = %(subject)s AND position BETWEEN %(first)s AND %(last)s
 ORDER BY position, regime;

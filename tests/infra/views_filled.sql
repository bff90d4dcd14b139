-- Invented views of many subjects, to look at plans: each has a course, measures and a listing. Those of every
-- other subject were corrected once, behind position 30000.

-- name: subjects
-- Registered in another order than that of their ids, which are chance.
INSERT INTO subject
SELECT 's-' || lpad(n::text, 26, '0'), 'enterprise', NULL, 1 + n * 7919 % 20000 FROM generate_series(1, 20000) AS n;

-- name: names
-- One each.
INSERT INTO subject_name
SELECT subject, registered_at, name, name,
       ARRAY(SELECT DISTINCT substr(name, at, 2) FROM generate_series(1, length(name) - 1) AS at)
  FROM (SELECT subject, registered_at, '示例公司' || registered_at AS name FROM subject) AS named;

-- name: identifiers
-- One each.
INSERT INTO subject_identifier SELECT 'agency-code', registered_at::text, subject, registered_at, true, 0 FROM subject;

-- name: grades_now
-- Four grades each, the last without end.
INSERT INTO grade_now
SELECT 'r/s', subject, date '2020-01-01' + 365 * y,
       CASE y WHEN 3 THEN 'infinity' ELSE date '2020-01-01' + 365 * (y + 1) END, 'graded', 'e',
       chr(65 + (registered_at + y)::integer % 5), 90, true, true, 30000 * (registered_at % 2) + registered_at
  FROM subject, generate_series(0, 3) AS y;

-- name: grades_was
-- Another grade before.
INSERT INTO grade_was
SELECT regime, subject, effective_from, effective_until, state, edition, 'B', 80, true, true, known_from - 30000, known_from
  FROM grade_now WHERE known_from > 30000;

-- name: measures_now
-- One each.
INSERT INTO measure_now
SELECT 'r/m', subject, 'f', registered_at, 'e', '2024-01-01', '2026-01-01', true, 30000 * (registered_at % 2) + registered_at FROM subject;

-- name: measures_was
-- The same, known earlier.
INSERT INTO measure_was
SELECT regime, subject, finding, position, edition, effective_from, effective_until, verified, known_from - 30000, known_from
  FROM measure_now WHERE known_from > 30000;

-- name: listings_now
-- One each.
INSERT INTO listing_now
SELECT 'list', subject, 'l', registered_at, NULL, NULL, NULL, true, '2024-01-01', 'infinity', true, 30000 * (registered_at % 2) + registered_at
  FROM subject;

-- name: listings_was
-- The same, known earlier.
INSERT INTO listing_was
SELECT list, subject, listing, position, list_name, regime, edition, dated, effective_from, effective_until, verified,
       known_from - 30000, known_from
  FROM listing_now WHERE known_from > 30000;

-- name: standing_now
-- One fact each.
INSERT INTO standing_now
SELECT subject, 'f', registered_at, 't', NULL, '2024-01-01', 'infinity', NULL, 30000 * (registered_at % 2) + registered_at FROM subject;

-- name: standing_was
-- The same, known earlier.
INSERT INTO standing_was
SELECT subject, fact, position, type, title, effective_from, effective_until, ended_by, known_from - 30000, known_from
  FROM standing_now WHERE known_from > 30000;

-- name: timeline
-- One event each.
INSERT INTO timeline
SELECT subject, registered_at, 'e' || registered_at, 't', 1, 1, NULL, now(), 'a', '' FROM subject;

-- name: timeline_changes
-- One regime each.
INSERT INTO timeline_change SELECT subject, position, 'r/s' FROM timeline;

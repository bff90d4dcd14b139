-- Lists over all subjects. What is known now and what was known are halves of one list, each with an order and a limit of
-- its own, so that each walks its index and stops; without that PostgreSQL would sort all of both. A half that can hold
-- nothing (`is_past` is false) is not walked. The names and codes are looked up for the rows of the page alone.

-- name: grades
-- Whose grade in a regime holds on a day.
SELECT found.*, named.name, coded.value
  FROM ((SELECT subject, edition, state, grade, score, effective_from, nullif(effective_until, 'infinity') AS until,
                verified, complete, known_from
           FROM grade_now
          WHERE regime = %(regime)s AND (%(grade)s::text IS NULL OR grade = %(grade)s) AND subject > %(after)s
            AND state = 'graded' AND effective_from <= %(as_of)s AND effective_until > %(as_of)s
            AND known_from <= %(known_at)s
          ORDER BY subject, effective_from LIMIT %(limit)s)
         UNION ALL
        (SELECT subject, edition, state, grade, score, effective_from, nullif(effective_until, 'infinity') AS until,
                verified, complete, known_from
           FROM grade_was
          WHERE %(is_past)s
            AND regime = %(regime)s AND (%(grade)s::text IS NULL OR grade = %(grade)s) AND subject > %(after)s
            AND state = 'graded' AND effective_from <= %(as_of)s AND effective_until > %(as_of)s
            AND known_from <= %(known_at)s AND known_until > %(known_at)s
          ORDER BY subject, known_until LIMIT %(limit)s)
         ORDER BY subject LIMIT %(limit)s) AS found
  LEFT JOIN LATERAL (SELECT n.name FROM subject_name AS n
                      WHERE n.subject = found.subject AND n.known_from <= %(known_at)s
                      ORDER BY n.known_from DESC LIMIT 1) AS named ON true
  LEFT JOIN LATERAL (SELECT i.value FROM subject_identifier AS i
                      WHERE i.subject = found.subject AND i.held AND i.known_from <= %(known_at)s
                      ORDER BY i.kind <> 'uscc', i.ordinal LIMIT 1) AS coded ON true
 ORDER BY found.subject;

-- name: measures
-- Who is under measures on a day.
SELECT found.*, named.name, coded.value
  FROM ((SELECT subject, regime, edition, finding, position, effective_from, nullif(effective_until, 'infinity') AS until,
                verified, known_from
           FROM measure_now
          WHERE (%(regime)s::text IS NULL OR regime = %(regime)s) AND subject >= %(after)s
            AND (subject, regime, effective_from, finding)
              > (%(after)s, %(after_regime)s, %(after_from)s, %(after_finding)s)
            AND effective_from <= %(as_of)s AND effective_until > %(as_of)s AND known_from <= %(known_at)s
          ORDER BY subject, regime, effective_from, finding LIMIT %(limit)s)
         UNION ALL
        (SELECT subject, regime, edition, finding, position, effective_from, nullif(effective_until, 'infinity') AS until,
                verified, known_from
           FROM measure_was
          WHERE %(is_past)s
            AND (%(regime)s::text IS NULL OR regime = %(regime)s) AND subject >= %(after)s
            AND (subject, regime, effective_from, finding)
              > (%(after)s, %(after_regime)s, %(after_from)s, %(after_finding)s)
            AND effective_from <= %(as_of)s AND effective_until > %(as_of)s
            AND known_from <= %(known_at)s AND known_until > %(known_at)s
          ORDER BY subject, regime, effective_from, finding LIMIT %(limit)s)
         ORDER BY subject, regime, effective_from, finding LIMIT %(limit)s) AS found
  LEFT JOIN LATERAL (SELECT n.name FROM subject_name AS n
                      WHERE n.subject = found.subject AND n.known_from <= %(known_at)s
                      ORDER BY n.known_from DESC LIMIT 1) AS named ON true
  LEFT JOIN LATERAL (SELECT i.value FROM subject_identifier AS i
                      WHERE i.subject = found.subject AND i.held AND i.known_from <= %(known_at)s
                      ORDER BY i.kind <> 'uscc', i.ordinal LIMIT 1) AS coded ON true
 ORDER BY found.subject, found.regime, found.effective_from, found.finding;

-- name: listings
-- Who is on a list on a day.
SELECT found.*, named.name, coded.value
  FROM ((SELECT subject, list, list_name, regime, listing, position, dated, effective_from,
                nullif(effective_until, 'infinity') AS until, verified, known_from
           FROM listing_now
          WHERE list = %(list)s AND (subject, listing) > (%(after)s, %(after_listing)s)
            AND effective_from <= %(as_of)s AND effective_until > %(as_of)s AND known_from <= %(known_at)s
          ORDER BY subject, listing LIMIT %(limit)s)
         UNION ALL
        (SELECT subject, list, list_name, regime, listing, position, dated, effective_from,
                nullif(effective_until, 'infinity') AS until, verified, known_from
           FROM listing_was
          WHERE %(is_past)s
            AND list = %(list)s AND (subject, listing) > (%(after)s, %(after_listing)s)
            AND effective_from <= %(as_of)s AND effective_until > %(as_of)s
            AND known_from <= %(known_at)s AND known_until > %(known_at)s
          ORDER BY subject, listing LIMIT %(limit)s)
         ORDER BY subject, listing LIMIT %(limit)s) AS found
  LEFT JOIN LATERAL (SELECT n.name FROM subject_name AS n
                      WHERE n.subject = found.subject AND n.known_from <= %(known_at)s
                      ORDER BY n.known_from DESC LIMIT 1) AS named ON true
  LEFT JOIN LATERAL (SELECT i.value FROM subject_identifier AS i
                      WHERE i.subject = found.subject AND i.held AND i.known_from <= %(known_at)s
                      ORDER BY i.kind <> 'uscc', i.ordinal LIMIT 1) AS coded ON true
 ORDER BY found.subject, found.listing;

-- name: lists
-- All lists that were known, by the name that came last, with how many subjects are on each on a day.
SELECT list,
       (array_agg(list_name ORDER BY position DESC, known_from DESC) FILTER (WHERE list_name IS NOT NULL))[1],
       count(DISTINCT subject) FILTER (
           WHERE effective_from <= %(as_of)s AND effective_until > %(as_of)s AND known_until > %(known_at)s)
  FROM (SELECT list, list_name, subject, position, effective_from, effective_until, known_from,
               9223372036854775807 AS known_until
          FROM listing_now
         UNION ALL
        SELECT list, list_name, subject, position, effective_from, effective_until, known_from, known_until
          FROM listing_was) AS presence
 WHERE known_from <= %(known_at)s
 GROUP BY list ORDER BY list;

-- name: has_list
-- Whether anybody was put on a list up to a position.
SELECT EXISTS (SELECT FROM listing_now WHERE list = %(list)s AND known_from <= %(known_at)s)
    OR EXISTS (SELECT FROM listing_was WHERE list = %(list)s AND known_from <= %(known_at)s);

-- name: search
-- Subjects of which a name known at a position holds a text; of several such names, the last.
SELECT found.subject, s.kind, s.region, found.name, named.name, coded.value
  FROM (SELECT DISTINCT ON (subject) subject, name
          FROM subject_name
         WHERE grams @> %(grams)s::text[] AND folded LIKE %(pattern)s AND subject > %(after)s
           AND known_from <= %(known_at)s
         ORDER BY subject, known_from DESC LIMIT %(limit)s) AS found
  JOIN subject AS s ON s.subject = found.subject
  LEFT JOIN LATERAL (SELECT n.name FROM subject_name AS n
                      WHERE n.subject = found.subject AND n.known_from <= %(known_at)s
                      ORDER BY n.known_from DESC LIMIT 1) AS named ON true
  LEFT JOIN LATERAL (SELECT i.value FROM subject_identifier AS i
                      WHERE i.subject = found.subject AND i.held AND i.known_from <= %(known_at)s
                      ORDER BY i.kind <> 'uscc', i.ordinal LIMIT 1) AS coded ON true
 ORDER BY found.subject;

-- The courses of the scoring regimes without their reasons, in two times: as of a day, as known at a position.

-- name: tables
-- What is known now, and what was known from one position to another.
CREATE TABLE grade_now (
    regime          text    COLLATE "C" NOT NULL,
    subject         text    COLLATE "C" NOT NULL,
    effective_from  date    NOT NULL,
    effective_until date    NOT NULL,
    state           text    COLLATE "C" NOT NULL,
    edition         text    COLLATE "C",
    grade           text    COLLATE "C",
    score           numeric,
    verified        boolean NOT NULL,
    complete        boolean NOT NULL,
    known_from      bigint  NOT NULL
);
COMMENT ON TABLE grade_now IS 'A course tiles all days from its first one on; effective_until infinity: without end. A subject to which a regime never applies has no row.';
CREATE TABLE grade_was (LIKE grade_now, known_until bigint NOT NULL);
COMMENT ON TABLE grade_was IS 'known_until: the first position from which on the row is not known any more. Insert only.';

-- name: keys
-- By regime and subject: one course, pages of a regime.
ALTER TABLE grade_now ADD CONSTRAINT grade_now_pkey PRIMARY KEY (regime, subject, effective_from);

-- name: indexes
-- One course, pages of a regime; by grade: pages, whole lists; what was known early, when little was.
CREATE INDEX grade_now_grade ON grade_now (regime, grade, subject, effective_from)
    INCLUDE (effective_until, score, known_from);
CREATE INDEX grade_was_subject ON grade_was (regime, subject, known_until)
    INCLUDE (known_from, effective_from, effective_until);
CREATE INDEX grade_was_page ON grade_was (regime, grade, subject, known_until)
    INCLUDE (known_from, effective_from, effective_until, score);
CREATE INDEX grade_was_list ON grade_was (regime, grade, known_until)
    INCLUDE (known_from, effective_from, effective_until, subject, score);
CREATE INDEX grade_now_known ON grade_now (known_from);
CREATE INDEX grade_was_known ON grade_was (known_from);

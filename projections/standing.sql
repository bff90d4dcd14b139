-- What stands against a subject, whatever the regimes make of it: its findings and listings that were not set aside.

-- name: tables
-- What is known now, and what was known from one position to another.
CREATE TABLE standing_now (
    subject         text   COLLATE "C" NOT NULL,
    fact            text   COLLATE "C" NOT NULL,
    position        bigint NOT NULL,
    type            text   COLLATE "C" NOT NULL,
    title           text,
    effective_from  date   NOT NULL,
    effective_until date   NOT NULL,
    ended_by        text   COLLATE "C",
    known_from      bigint NOT NULL
);
COMMENT ON TABLE standing_now IS 'fact, position: the event that opened it; effective_until infinity: without end.';
CREATE TABLE standing_was (LIKE standing_now, known_until bigint NOT NULL);
COMMENT ON TABLE standing_was IS 'known_until: the first position from which on the row is not known any more.';

-- name: keys
-- By subject.
ALTER TABLE standing_now ADD CONSTRAINT standing_now_pkey PRIMARY KEY (subject, fact);

-- name: indexes
-- By subject.
CREATE INDEX standing_was_subject ON standing_was (subject, known_until);

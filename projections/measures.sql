-- Management measures in two times: one interval a finding and regime.

-- name: tables
-- What is known now, and what was known from one position to another.
CREATE TABLE measure_now (
    regime          text    COLLATE "C" NOT NULL,
    subject         text    COLLATE "C" NOT NULL,
    finding         text    COLLATE "C" NOT NULL,
    position        bigint  NOT NULL,
    edition         text    COLLATE "C" NOT NULL,
    effective_from  date    NOT NULL,
    effective_until date    NOT NULL,
    verified        boolean NOT NULL,
    known_from      bigint  NOT NULL
);
COMMENT ON TABLE measure_now IS 'finding, position: the event that opened it; effective_until infinity: without end.';
CREATE TABLE measure_was (LIKE measure_now, known_until bigint NOT NULL);
COMMENT ON TABLE measure_was IS 'known_until: the first position from which on the row is not known any more.';

-- name: keys
-- By subject, also for pages of all regimes.
ALTER TABLE measure_now ADD CONSTRAINT measure_now_pkey PRIMARY KEY (subject, regime, effective_from, finding);

-- name: indexes
-- By regime in the order of subjects; by subject; what was known early, when little was.
CREATE INDEX measure_now_regime ON measure_now (regime, subject, effective_from, finding) INCLUDE (effective_until, known_from);
CREATE INDEX measure_was_subject ON measure_was (subject, regime, effective_from, finding, known_until);
CREATE INDEX measure_was_regime ON measure_was (regime, subject, effective_from, finding, known_until)
    INCLUDE (known_from, effective_until);
CREATE INDEX measure_now_known ON measure_now (known_from);
CREATE INDEX measure_was_known ON measure_was (known_from);

-- The events of the subjects as they were recorded, and what each changed in the scoring regimes of its subject.

-- name: tables
-- One row an event; one row an event and scoring regime in which its subject has a course.
CREATE TABLE timeline (
    subject      text        COLLATE "C" NOT NULL,
    position     bigint      NOT NULL,
    event        text        COLLATE "C" NOT NULL,
    type         text        COLLATE "C" NOT NULL,
    major        integer     NOT NULL,
    version      integer     NOT NULL,
    effective_on date,
    recorded_at  timestamptz NOT NULL,
    actor        text        NOT NULL,
    data         bytea       NOT NULL
);
COMMENT ON TABLE timeline IS 'major: the version of the schema of data; version: of the subject after the event; data: canonical JSON.';
CREATE TABLE timeline_change (
    subject       text    COLLATE "C" NOT NULL,
    position      bigint  NOT NULL,
    regime        text    COLLATE "C" NOT NULL,
    grade_before  text    COLLATE "C",
    score_before  numeric,
    grade_after   text    COLLATE "C",
    score_after   numeric,
    changed_from  date,
    changed_until date
);
COMMENT ON TABLE timeline_change IS 'Grade and score on effective_on of the event, as known just before and just after it (null: no course or no grade there, or the event has no such day). changed_from null: the course stayed; changed_until infinity: it changed without end.';

-- name: keys
-- By subject in order.
ALTER TABLE timeline ADD CONSTRAINT timeline_pkey PRIMARY KEY (subject, position);

-- name: indexes
-- One event by its id; its changes.
CREATE UNIQUE INDEX timeline_event ON timeline (event);
ALTER TABLE timeline_change ADD CONSTRAINT timeline_change_pkey PRIMARY KEY (subject, position, regime);

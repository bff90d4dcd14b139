-- What operators watch, kept beside the ledger so that nobody counts the whole log for it and no restart forgets it.

CREATE TABLE ledger_tally (
    type   text   COLLATE "C" NOT NULL PRIMARY KEY,
    events bigint NOT NULL CHECK (events >= 0)
);
COMMENT ON TABLE ledger_tally IS 'How many records of each type stand up to the position in ledger_tallied.';

CREATE TABLE ledger_tallied (
    position bigint NOT NULL CHECK (position >= 0)
);
COMMENT ON TABLE ledger_tallied IS 'One row: up to where records are counted in ledger_tally; nothing up to there is ever set aside.';
CREATE UNIQUE INDEX ledger_tallied_is_one ON ledger_tallied ((true));
INSERT INTO ledger_tallied (position) VALUES (0);

CREATE TABLE ledger_refused (
    source text   COLLATE "C" NOT NULL CHECK (source IN ('import', 'record')),
    reason text   COLLATE "C" NOT NULL CHECK (reason ~ '^[a-z][a-z0-9-]{0,63}$'),
    times  bigint NOT NULL CHECK (times >= 0),
    PRIMARY KEY (source, reason)
);
COMMENT ON TABLE ledger_refused IS 'How often commands of the command line refused rows and commands, by the code of the refusal.';

CREATE TABLE projection_rebuild (
    generation integer          NOT NULL PRIMARY KEY,
    begun_at   timestamptz      NOT NULL,
    ended_at   timestamptz      CHECK (ended_at >= begun_at),
    events     bigint,
    seconds    double precision
);
COMMENT ON TABLE projection_rebuild IS 'When generations were made anew, and how fast; without ended_at it runs, or was cut off.';

CREATE TABLE projection_halt (
    generation integer     NOT NULL PRIMARY KEY,
    position   bigint      NOT NULL CHECK (position >= 0),
    event      text        NOT NULL,
    type       text        NOT NULL,
    at         timestamptz NOT NULL
);
COMMENT ON TABLE projection_halt IS 'Before which record the projector of a generation stopped; of no meaning once its place is behind it.';

-- What the sequencer holds. A record is written once and never changed: the triggers below say so to everybody.

CREATE TABLE ledger_head (
    ledger            text        NOT NULL PRIMARY KEY,
    position          bigint      NOT NULL CHECK (position BETWEEN 0 AND 2147483647),
    chain_hash        bytea       NOT NULL CHECK (octet_length(chain_hash) = 32),
    term              integer     NOT NULL CHECK (term >= 0),
    recorded_at       timestamptz NOT NULL,
    incarnation       text        NOT NULL,
    system_identifier text        NOT NULL,
    server_timeline   integer     NOT NULL,
    server_started_at timestamptz NOT NULL,
    state             text        NOT NULL CHECK (state IN ('open', 'healing', 'fenced', 'stopped')),
    reason            text
);
COMMENT ON TABLE ledger_head IS 'One row: the last sequenced record, the server instance that opened the term, what holds.';
CREATE UNIQUE INDEX ledger_head_is_one ON ledger_head ((true));

CREATE TABLE ledger_record (
    position        bigint  NOT NULL PRIMARY KEY CHECK (position BETWEEN 1 AND 2147483647),
    event_id        uuid    NOT NULL UNIQUE,
    chain_hash      bytea   NOT NULL UNIQUE CHECK (octet_length(chain_hash) = 32),
    leaf_hash       bytea   NOT NULL CHECK (octet_length(leaf_hash) = 32),
    term            integer NOT NULL,
    type            text    COLLATE "C" NOT NULL,
    subject         text    COLLATE "C" NOT NULL,
    subject_version integer NOT NULL CHECK (subject_version >= 1),
    bytes           bytea   NOT NULL,
    sig             bytea   CHECK (octet_length(sig) = 64),
    UNIQUE (subject, subject_version)
);
COMMENT ON TABLE ledger_record IS 'One row a record; sig is set on the last record of each batch and nowhere else.';

CREATE TABLE ledger_command (
    key_hash       bytea  NOT NULL PRIMARY KEY CHECK (octet_length(key_hash) = 32),
    command_hash   bytea  NOT NULL CHECK (octet_length(command_hash) = 32),
    first_position bigint NOT NULL REFERENCES ledger_record (position),
    last_position  bigint NOT NULL REFERENCES ledger_record (position),
    CHECK (first_position <= last_position)
);
COMMENT ON TABLE ledger_command IS 'What an idempotency key did, for ever; rebuilt from the records.';

CREATE TABLE ledger_identifier (
    kind     text   COLLATE "C" NOT NULL,
    value    text   COLLATE "C" NOT NULL,
    subject  text   COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (kind, value)
);
COMMENT ON TABLE ledger_identifier IS 'Which subject an identifier names; rebuilt from the records.';

CREATE TABLE ledger_key (
    public_key bytea   NOT NULL PRIMARY KEY CHECK (octet_length(public_key) = 32),
    first_term integer NOT NULL,
    last_term  integer CHECK (last_term >= first_term)
);
COMMENT ON TABLE ledger_key IS 'The keys that sign batches, each with its first and last term.';

CREATE TABLE projection_place (
    projector    text    NOT NULL,
    generation   integer NOT NULL,
    topic_id     text    NOT NULL,
    position     bigint  NOT NULL,
    chain_hash   bytea   NOT NULL CHECK (octet_length(chain_hash) = 32),
    term         integer NOT NULL,
    "offset"     bigint  NOT NULL,
    leader_epoch integer NOT NULL,
    PRIMARY KEY (projector, generation)
);
COMMENT ON TABLE projection_place IS 'Up to where a projector has folded the log into a generation: all of it, nothing behind.';

CREATE FUNCTION ledger_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is forbidden: what is on the ledger is never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER ledger_record_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_record
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_immutable();
CREATE TRIGGER ledger_command_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_command
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_immutable();

-- What the write side keeps beside a log on Kafka: where it lives, what is known to be entered, what lost against it.

CREATE TABLE ledger_topic (
    topic_id text        NOT NULL PRIMARY KEY,
    name     text        NOT NULL,
    since    timestamptz NOT NULL,
    until    timestamptz CHECK (until >= since),
    reason   text        NOT NULL
);
COMMENT ON TABLE ledger_topic IS 'The topics on which this ledger lived; the one without until is pinned.';
CREATE UNIQUE INDEX ledger_topic_is_one ON ledger_topic ((true)) WHERE until IS NULL;

CREATE TABLE ledger_place (
    topic_id     text        NOT NULL,
    position     bigint      NOT NULL CHECK (position >= 1),
    chain_hash   bytea       NOT NULL CHECK (octet_length(chain_hash) = 32),
    term         integer     NOT NULL,
    "offset"     bigint      NOT NULL CHECK ("offset" >= 0),
    leader_epoch integer     NOT NULL,
    at           timestamptz NOT NULL,
    PRIMARY KEY (topic_id, position)
);
COMMENT ON TABLE ledger_place IS 'Batch ends known to be entered: the newest, and one every 10 000 positions to fall back on.';

CREATE TABLE ledger_voided (
    key_hash bytea  NOT NULL PRIMARY KEY CHECK (octet_length(key_hash) = 32),
    position bigint NOT NULL
);
COMMENT ON TABLE ledger_voided IS 'Keys whose commands lost against another history, for ever; rebuilt from the records.';

CREATE TABLE ledger_aside (
    position        bigint      NOT NULL,
    event_id        uuid        NOT NULL,
    chain_hash      bytea       NOT NULL PRIMARY KEY,
    leaf_hash       bytea       NOT NULL,
    term            integer     NOT NULL,
    type            text        COLLATE "C" NOT NULL,
    subject         text        COLLATE "C" NOT NULL,
    subject_version integer     NOT NULL,
    bytes           bytea       NOT NULL,
    sig             bytea,
    set_aside_at    timestamptz NOT NULL
);
COMMENT ON TABLE ledger_aside IS 'Records that were sequenced and lost against the log; evidence, read by nobody.';

CREATE TABLE witnessed (
    size        bigint      NOT NULL PRIMARY KEY CHECK (size >= 1),
    root        bytea       NOT NULL CHECK (octet_length(root) = 32),
    chain_hash  bytea       NOT NULL CHECK (octet_length(chain_hash) = 32),
    cosigned_at timestamptz NOT NULL
);
COMMENT ON TABLE witnessed IS 'Checkpoints that a witness has cosigned.';

-- The one way in which records leave the sequencer's history, and only those that were never entered.
CREATE OR REPLACE FUNCTION ledger_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('ledger.setting_aside', true) = txid_current()::text THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% of % is forbidden: what is on the ledger is never changed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER ledger_voided_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_voided
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_immutable();
CREATE TRIGGER ledger_aside_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_aside
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_immutable();

CREATE FUNCTION ledger_set_aside(first bigint, moment timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    entered bigint := (SELECT coalesce(max(position), 0) FROM ledger_place);
    moved   bigint;
BEGIN
    IF first <= entered THEN
        RAISE EXCEPTION 'position % was entered (up to %): it is never set aside', first, entered
            USING ERRCODE = 'check_violation';
    END IF;
    PERFORM set_config('ledger.setting_aside', txid_current()::text, true);
    INSERT INTO ledger_aside
    SELECT position, event_id, chain_hash, leaf_hash, term, type, subject, subject_version, bytes, sig, moment
      FROM ledger_record WHERE position >= first
        ON CONFLICT (chain_hash) DO NOTHING;
    DELETE FROM ledger_command WHERE first_position >= first;
    DELETE FROM ledger_voided WHERE position >= first;
    DELETE FROM ledger_identifier WHERE position >= first;
    DELETE FROM ledger_record WHERE position >= first;
    GET DIAGNOSTICS moved = ROW_COUNT;
    PERFORM set_config('ledger.setting_aside', '', true);
    UPDATE ledger_head
       SET position = first - 1,
           chain_hash = coalesce((SELECT chain_hash FROM ledger_record WHERE position = first - 1),
                                 decode(repeat('00', 32), 'hex')),
           term = coalesce((SELECT term FROM ledger_record WHERE position = first - 1), 0);
    RETURN moved;
END
$$;
COMMENT ON FUNCTION ledger_set_aside IS 'Moves what was never entered, from a position on, to ledger_aside; returns how many.';

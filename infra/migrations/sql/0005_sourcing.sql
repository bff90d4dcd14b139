-- Records of an application of the eventsourcing library: it counts the versions of its streams as it likes, from 0 on,
-- and is given a numbering of its records in which nothing is missing.

ALTER TABLE ledger_head ADD COLUMN notifications bigint NOT NULL DEFAULT 0 CHECK (notifications >= 0);
COMMENT ON COLUMN ledger_head.notifications IS 'How many records of type eventsourcing-stored there are: the last notification id.';

ALTER TABLE ledger_record DROP CONSTRAINT ledger_record_subject_version_check,
    ADD CONSTRAINT ledger_record_subject_version_check
    CHECK (subject_version >= CASE WHEN type = 'eventsourcing-stored' THEN 0 ELSE 1 END);

CREATE INDEX ledger_record_sourced ON ledger_record (position) WHERE type = 'eventsourcing-stored';

CREATE TABLE ledger_notification (
    notification_id bigint NOT NULL PRIMARY KEY CHECK (notification_id >= 1),
    position        bigint NOT NULL UNIQUE REFERENCES ledger_record (position)
);
COMMENT ON TABLE ledger_notification IS 'Which record a notification id of the eventsourcing library means; rebuilt from the records.';
CREATE TRIGGER ledger_notification_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_notification
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_immutable();

-- As before, and the numbering goes back with its records.
CREATE OR REPLACE FUNCTION ledger_set_aside(first bigint, moment timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
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
    DELETE FROM ledger_notification WHERE position >= first;
    DELETE FROM ledger_record WHERE position >= first;
    GET DIAGNOSTICS moved = ROW_COUNT;
    PERFORM set_config('ledger.setting_aside', '', true);
    UPDATE ledger_head
       SET position = first - 1,
           chain_hash = coalesce((SELECT chain_hash FROM ledger_record WHERE position = first - 1),
                                 decode(repeat('00', 32), 'hex')),
           term = coalesce((SELECT term FROM ledger_record WHERE position = first - 1), 0),
           notifications = (SELECT coalesce(max(notification_id), 0) FROM ledger_notification);
    RETURN moved;
END
$$;

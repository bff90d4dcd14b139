-- What the recorder of the eventsourcing library reads: of all that was sequenced, what is entered.

-- name: events
-- The events of an originator, by version: those above a version and up to another, first ones first.
SELECT bytes FROM ledger_record
 WHERE subject = %(stream)s AND type = 'eventsourcing-stored' AND position <= %(entered)s
   AND subject_version > %(above)s AND subject_version <= %(upto)s
 ORDER BY subject_version LIMIT %(limit)s;

-- name: events_backwards
-- As `events`, last ones first.
SELECT bytes FROM ledger_record
 WHERE subject = %(stream)s AND type = 'eventsourcing-stored' AND position <= %(entered)s
   AND subject_version > %(above)s AND subject_version <= %(upto)s
 ORDER BY subject_version DESC LIMIT %(limit)s;

-- name: notifications
-- What has the notification ids from one to another, in order.
SELECT notification_id, bytes FROM ledger_notification JOIN ledger_record USING (position)
 WHERE notification_id BETWEEN %(first)s AND %(last)s AND position <= %(entered)s
 ORDER BY notification_id LIMIT %(limit)s;

-- name: notifications_of_topics
-- As `notifications`, of some topics alone.
SELECT notification_id, bytes FROM ledger_notification JOIN ledger_record USING (position)
 WHERE notification_id BETWEEN %(first)s AND %(last)s AND position <= %(entered)s
   AND convert_from(bytes, 'UTF8')::json ->> 'topic' = ANY (%(topics)s::text[])
 ORDER BY notification_id LIMIT %(limit)s;

-- name: newest_notification
-- The last notification id.
SELECT notification_id FROM ledger_notification
 WHERE position <= %(entered)s ORDER BY position DESC LIMIT 1;

-- name: notification_of
-- The notification id of the record at a position.
SELECT notification_id FROM ledger_notification WHERE position = %(position)s;

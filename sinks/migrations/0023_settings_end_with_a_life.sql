-- A profile that was deleted and registered anew begins with the defaults: what it told of its settings
-- before the deletion counts no more (streams/conversation/settings.py, decision 33). When it is deleted
-- again, those of its last life stand, so that its history is told as it was.

-- Private: profiles that had a life before their last, and when that ended. Few: registrations
-- are read of those alone that were ever deleted.
CREATE OR REPLACE VIEW ${database}.former_lives ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    maxIf(occurred_at, kind = 'profile.registered') AS registered_at,
    arrayMax(arrayFilter(
        at -> at < registered_at,
        groupArrayIf(occurred_at, kind = 'messaging.deactivated' AND JSONExtractString(details, 'reason') = 'profile_deleted')
    )) AS ended_at
FROM ${database}.profile_events FINAL
WHERE kind IN ('messaging.deactivated', 'profile.registered')
    AND profile_id IN
    (
        SELECT profile_id
        FROM ${database}.profile_events
        WHERE kind = 'messaging.deactivated' AND JSONExtractString(details, 'reason') = 'profile_deleted'
    )
GROUP BY profile_id
HAVING ended_at > toDateTime64(0, 3, 'UTC');

-- Private: what profiles told of their settings in the life that counts.
CREATE OR REPLACE VIEW ${database}.setting_changes ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT c.profile_id AS profile_id, c.event_id AS event_id, c.occurred_at AS occurred_at, c.details AS details
FROM
(
    SELECT profile_id, event_id, occurred_at, details
    FROM ${database}.profile_events FINAL
    WHERE kind = 'limit.changed'
) AS c
LEFT ANY JOIN ${database}.former_lives AS f ON c.profile_id = f.profile_id
WHERE c.occurred_at > ifNull(f.ended_at, toDateTime64(0, 3, 'UTC'));

-- Private: as in 0020, of these.
CREATE OR REPLACE VIEW ${database}.profile_changes ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    argMaxOrNullIf(JSONExtractUInt(details, 'monthly_limit'), (occurred_at, event_id), JSONHas(details, 'monthly_limit')) AS monthly_limit,
    argMaxIf(JSONExtractString(details, 'month_zone'), (occurred_at, event_id), JSONHas(details, 'month_zone')) AS month_zone,
    -- As JSON: a number of seconds, null (no window), or empty where never changed.
    argMaxIf(JSONExtractRaw(details, 'reply_window_seconds', 'facebook'), (occurred_at, event_id), JSONHas(details, 'reply_window_seconds', 'facebook')) AS facebook_window,
    argMaxIf(JSONExtractRaw(details, 'reply_window_seconds', 'instagram'), (occurred_at, event_id), JSONHas(details, 'reply_window_seconds', 'instagram')) AS instagram_window,
    argMaxIf(JSONExtractRaw(details, 'reply_window_seconds', 'x'), (occurred_at, event_id), JSONHas(details, 'reply_window_seconds', 'x')) AS x_window
FROM ${database}.setting_changes
GROUP BY profile_id;

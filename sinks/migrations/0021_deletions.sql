-- A deleted profile can't reply, whatever was told of it beside or after that, until it is registered
-- anew: the rule of streams/conversation/deletion.py, which `can_reply` did not know.

ALTER TABLE ${database}.to_profile_events ${on_cluster} MODIFY QUERY
SELECT profile_id, event_id, version, kind, provider, account_id, occurred_at, details
FROM ${database}.events
WHERE conversation_id = ''
    AND kind IN ('limit.changed', 'messaging.activated', 'messaging.deactivated', 'account.linked', 'account.unlinked', 'profile.registered');

-- What was there before. What comes at the same time comes twice, and is one row.
INSERT INTO ${database}.profile_events (profile_id, event_id, version, kind, provider, account_id, occurred_at, details)
SELECT profile_id, event_id, version, kind, provider, account_id, occurred_at, details
FROM ${database}.events
WHERE conversation_id = '' AND kind = 'profile.registered';

-- Private: as in 0020, and whether the profile was deleted.
CREATE OR REPLACE VIEW ${database}.profile_switches ${on_cluster}
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    profile_id,
    maxOrNullIf(occurred_at, kind = 'messaging.deactivated' AND JSONExtractString(details, 'reason') = 'profile_deleted') AS deleted_at,
    maxOrNullIf(occurred_at, kind = 'profile.registered') AS last_registered_at,
    ifNull(last_registered_at <= deleted_at, deleted_at IS NOT NULL) AS is_deleted,
    argMaxIf(kind = 'messaging.activated', (occurred_at, event_id), kind IN ('messaging.activated', 'messaging.deactivated')) AND NOT is_deleted AS is_on,
    maxIf(occurred_at, kind IN ('messaging.activated', 'messaging.deactivated')) AS told_at,
    maxOrNullIf(occurred_at, kind = 'messaging.deactivated') AS off_at,
    groupArrayIf(occurred_at, kind = 'messaging.activated') AS activations,
    arrayFilter(at -> off_at IS NULL OR at > off_at, activations) AS since_off,
    if(empty(since_off), told_at, arrayMin(since_off)) AS on_since,
    -- (provider, platform, account_id, is_link, (at, event_id))
    groupArrayIf(
        (toString(provider), JSONExtractString(details, 'platform'), account_id, kind = 'account.linked', (occurred_at, event_id)),
        kind IN ('account.linked', 'account.unlinked')
    ) AS links
FROM ${database}.profile_events FINAL
WHERE kind IN ('messaging.activated', 'messaging.deactivated', 'account.linked', 'account.unlinked', 'profile.registered')
GROUP BY profile_id;

"""The statements of intake.py: what is stored, and how a conversation is rung. Each may run in a pipeline."""

from __future__ import annotations

# ON CONFLICT locks the row it meets even where nothing changes, and all webhooks of an inbox would wait for each other:
# so inboxes and contacts that are as they were aren't inserted at all.
UPSERT_CONVERSATION = """
WITH i AS (
  INSERT INTO inbox (chatwoot_id, name, channel, heard_at)
  SELECT %(inbox)s, %(inbox_name)s, %(channel)s, CASE WHEN %(is_heard)s THEN now() END
  WHERE NOT EXISTS (SELECT FROM inbox WHERE chatwoot_id = %(inbox)s AND %(inbox_name)s IN ('', name)
    AND %(channel)s IN ('', channel) AND (heard_at IS NOT NULL OR NOT %(is_heard)s))
  ON CONFLICT (chatwoot_id) DO UPDATE
  SET name = coalesce(nullif(excluded.name, ''), inbox.name), channel = coalesce(nullif(excluded.channel, ''), inbox.channel),
    heard_at = coalesce(inbox.heard_at, excluded.heard_at)
  WHERE excluded.name NOT IN ('', inbox.name) OR excluded.channel NOT IN ('', inbox.channel)
    OR (inbox.heard_at IS NULL AND excluded.heard_at IS NOT NULL)
  RETURNING id
), p AS (
  INSERT INTO contact (chatwoot_id, name, email, phone)
  SELECT %(contact)s, %(contact_name)s, %(email)s, %(phone)s WHERE %(contact)s::bigint IS NOT NULL
    AND NOT EXISTS (SELECT FROM contact WHERE chatwoot_id = %(contact)s
      AND (name, email, phone) = (%(contact_name)s, %(email)s, %(phone)s))
  ON CONFLICT (chatwoot_id) DO UPDATE SET name = excluded.name, email = excluded.email, phone = excluded.phone
  WHERE (contact.name, contact.email, contact.phone) IS DISTINCT FROM (excluded.name, excluded.email, excluded.phone)
  RETURNING id
)
INSERT INTO conversation AS c (chatwoot_id, inbox_id, contact_id, status, status_at, can_reply)
VALUES (%(conversation)s,
        coalesce((SELECT id FROM i), (SELECT id FROM inbox WHERE chatwoot_id = %(inbox)s)),
        coalesce((SELECT id FROM p), (SELECT id FROM contact WHERE chatwoot_id = %(contact)s)),
        %(status)s, %(at)s, %(can_reply)s)
ON CONFLICT (chatwoot_id) DO UPDATE
SET contact_id = coalesce(c.contact_id, excluded.contact_id),
  inbox_id = CASE WHEN %(inbox)s = 0 THEN c.inbox_id ELSE excluded.inbox_id END
WHERE (c.contact_id IS NULL AND excluded.contact_id IS NOT NULL) OR (%(inbox)s <> 0 AND c.inbox_id <> excluded.inbox_id)
"""

# The statement above holds the row's lock, so what is read here is the newest state.
INSERT_INPUT = """
WITH c AS (
  SELECT c.id, c.in_seq, coalesce(i.debounce_s, %(debounce_s)s) AS debounce_s,
         coalesce(%(at)s::timestamptz < c.status_at, false) AS is_stale,
         -- pending again, after it had not been: a handback. A person who answers in pending keeps it.
         NOT %(theirs)s AND (c.status <> 'pending' OR c.owner_reason IN ('open', 'assigned', 'resolved'))
           AND coalesce(%(sent_at)s::timestamptz > c.last_human_at, true) AS is_back,
         (SELECT m.arrived_at FROM message m WHERE m.conversation_id = c.id AND m.seq > c.answered_seq
          AND m.ignore_rule IS NULL ORDER BY m.seq LIMIT 1) AS oldest
  FROM conversation c JOIN inbox i ON i.id = c.inbox_id WHERE c.chatwoot_id = %(conversation)s
), m AS (
  INSERT INTO message (conversation_id, chatwoot_id, kind, variant, seq, author, text, attachments, is_unsupported,
                       ignore_rule, source, sent_at)
  SELECT c.id, %(message)s, %(kind)s, %(variant)s, c.in_seq + 1, 'customer', %(text)s, %(attachments)s::jsonb,
         %(is_unsupported)s, nullif(%(rule)s, ''), %(source)s, %(sent_at)s
  FROM c ON CONFLICT (chatwoot_id, kind, variant) DO NOTHING
  RETURNING conversation_id, seq
)
UPDATE conversation u SET
  in_seq = m.seq,
  answer_due_at = CASE
    WHEN %(rule)s <> '' THEN coalesce(u.answer_due_at, now())
    WHEN %(is_press)s OR u.answer_due_at <= now() THEN least(u.answer_due_at, now())
    ELSE least(coalesce(c.oldest, now()) + make_interval(secs => %(debounce_max_s)s),
               now() + make_interval(secs => c.debounce_s)) END,
  owner = CASE WHEN c.is_stale OR u.owner_reason = 'bot_off' THEN u.owner WHEN %(theirs)s THEN 'people'
          WHEN c.is_back THEN 'bot' ELSE u.owner END,
  owner_reason = CASE WHEN c.is_stale OR u.owner_reason = 'bot_off' THEN u.owner_reason
                      WHEN %(theirs)s AND u.owner = 'bot' THEN 'open' WHEN c.is_back THEN ''
                 ELSE u.owner_reason END,
  status = CASE WHEN c.is_stale THEN u.status ELSE %(status)s END,
  can_reply = CASE WHEN c.is_stale THEN u.can_reply ELSE %(can_reply)s END,
  has_bot = %(has_bot)s,
  status_at = greatest(u.status_at, %(at)s::timestamptz),
  updated_at = now()
FROM m, c
WHERE u.id = m.conversation_id
"""

INSERT_LINE = """
INSERT INTO message (conversation_id, chatwoot_id, author, text, source, sent_at)
SELECT id, %(message)s, %(author)s, %(text)s, %(source)s, %(sent_at)s FROM conversation WHERE chatwoot_id = %(conversation)s
ON CONFLICT (chatwoot_id, kind, variant) DO NOTHING
"""

TAKE_OVER = """
UPDATE conversation SET owner = 'people', owner_reason = %(why)s, human_seq = human_seq + 1,
  spoken_seq = spoken_seq + %(spoken)s::int, updated_at = now(),
  last_human_at = greatest(last_human_at, %(sent_at)s::timestamptz),
  status = CASE WHEN coalesce(%(at)s::timestamptz < status_at, false) THEN status ELSE %(status)s END,
  status_at = greatest(status_at, %(at)s::timestamptz)
WHERE chatwoot_id = %(conversation)s AND coalesce(%(sent_at)s::timestamptz >= handed_back_at, true)
"""

# A message that was seen before (a duplicate, reconciliation) takes nothing over again.
SPOKEN_TAKE_OVER = f"WITH l AS ({INSERT_LINE} RETURNING id) {TAKE_OVER} AND EXISTS (SELECT FROM l)"

HAND_BACK = """
UPDATE conversation SET owner = 'bot', owner_reason = '', handed_back_at = %(sent_at)s WHERE chatwoot_id = %(conversation)s
"""

WAKE = """
UPDATE conversation SET wake_at = now(), wake_reason = concat_ws(',', wake_reason, %(wake)s::text)
WHERE chatwoot_id = %(conversation)s
"""

BOT_OFF = f"{SPOKEN_TAKE_OVER}".replace(
    "updated_at = now()", "wake_at = now(), wake_reason = concat_ws(',', wake_reason, %(wake)s::text)"
)
BOT_ON = f"""
WITH l AS ({INSERT_LINE} RETURNING id)
UPDATE conversation SET owner = 'bot', owner_reason = '', handed_back_at = %(sent_at)s, wake_at = now(),
  wake_reason = concat_ws(',', wake_reason, %(wake)s::text)
WHERE chatwoot_id = %(conversation)s AND EXISTS (SELECT FROM l)
"""

# An unfinished turn whose part was unknown till now goes on at once.
ECHO = """
WITH p AS (
  UPDATE part SET state = 'sent', chatwoot_id = %(message)s, sent_at = coalesce(sent_at, now()), error = NULL
  WHERE mark = %(mark)s AND state IN ('frozen', 'sending', 'unknown', 'dropped', 'held')
  RETURNING turn_id)
UPDATE conversation SET
  answer_due_at = CASE WHEN t.wake IS NULL THEN least(answer_due_at, now()) ELSE answer_due_at END,
  wake_at = CASE WHEN t.wake IS NULL THEN wake_at ELSE now() END
FROM p JOIN turn t ON t.id = p.turn_id
WHERE conversation.id = t.conversation_id AND t.finished_at IS NULL
"""

# A part that we don't know: another installation, or this one before it was restored, has answered up to that message.
ANSWERED_ELSEWHERE = """
UPDATE message m SET ignore_rule = 'answered_elsewhere'
FROM conversation c WHERE c.id = m.conversation_id AND c.chatwoot_id = %(conversation)s AND m.ignore_rule IS NULL
  AND m.kind = 'created' AND m.seq > c.answered_seq AND m.chatwoot_id <= %(newest)s
  AND NOT EXISTS (SELECT FROM part WHERE mark = %(mark)s)
"""

FAILED = """
WITH p AS (
  UPDATE part SET state = 'failed', error = %(error)s WHERE mark = %(mark)s AND state <> 'failed' RETURNING conversation_id)
UPDATE conversation SET wake_at = now(), wake_reason = concat_ws(',', wake_reason, 'delivery_failed')
FROM p WHERE conversation.id = p.conversation_id
"""

TRANSCRIBED = """
UPDATE message SET attachments = %(attachments)s::jsonb WHERE chatwoot_id = %(message)s AND kind = 'created'
"""

DELETED = """
UPDATE message m SET ignore_rule = 'deleted', text = '', attachments = '[]' FROM conversation c
WHERE m.chatwoot_id = %(message)s AND c.id = m.conversation_id AND m.seq > c.answered_seq
"""

WEBHOOK = """
INSERT INTO webhook (delivery, event, conversation_chatwoot_id, outcome, error, body)
VALUES (%(delivery)s, %(event)s, %(conversation)s, %(outcome)s, %(error)s, %(body)s)
"""

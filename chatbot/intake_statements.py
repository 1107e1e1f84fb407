"""The statements of intake.py: what is stored, and how a conversation is rung. Each may run in a pipeline."""

from __future__ import annotations

from chatbot.timers import VOID_BY_CUSTOMER

# Of a contact who was erased, only what was said since is stored. A press has the number of the message that it is on.
ERASED = """EXISTS (
  SELECT FROM erased_conversation e WHERE e.chatwoot_id = %(conversation)s
    AND coalesce(%(message)s::bigint, 0) <= e.newest_chatwoot_id
    AND (NOT %(is_press)s OR %(message)s::bigint = ANY(e.pressed)))"""
# What people had stays theirs: their words aren't known any more.
WAS_PEOPLES = "EXISTS (SELECT FROM erased_conversation e WHERE e.chatwoot_id = %(conversation)s AND e.is_peoples)"

# ON CONFLICT locks the row it meets even where nothing changes, and all webhooks of an inbox would wait for each other:
# so inboxes and contacts that are as they were aren't inserted at all.
UPSERT_CONVERSATION = f"""
WITH o AS (
  SELECT %(conversation)s::bigint AS id
  WHERE NOT {ERASED} OR EXISTS (SELECT FROM conversation WHERE chatwoot_id = %(conversation)s)
), i AS (
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
  SELECT %(contact)s, %(contact_name)s, %(email)s, %(phone)s FROM o WHERE %(contact)s::bigint IS NOT NULL
    AND NOT EXISTS (SELECT FROM contact WHERE chatwoot_id = %(contact)s
      AND (name, email, phone) = (%(contact_name)s, %(email)s, %(phone)s))
  ON CONFLICT (chatwoot_id) DO UPDATE SET name = excluded.name, email = excluded.email, phone = excluded.phone
  WHERE (contact.name, contact.email, contact.phone) IS DISTINCT FROM (excluded.name, excluded.email, excluded.phone)
  RETURNING id
)
INSERT INTO conversation AS c (chatwoot_id, inbox_id, contact_id, status, status_at, can_reply, source_id,
  owner, owner_reason)
SELECT o.id,
       coalesce((SELECT id FROM i), (SELECT id FROM inbox WHERE chatwoot_id = %(inbox)s)),
       coalesce((SELECT id FROM p), (SELECT id FROM contact WHERE chatwoot_id = %(contact)s)),
       %(status)s, %(at)s::timestamptz, %(can_reply)s, %(source_id)s,
       CASE WHEN {WAS_PEOPLES} THEN 'people' ELSE 'bot' END, CASE WHEN {WAS_PEOPLES} THEN 'human_message' ELSE '' END
FROM o
ON CONFLICT (chatwoot_id) DO UPDATE
SET contact_id = coalesce(c.contact_id, excluded.contact_id),
  inbox_id = CASE WHEN %(inbox)s = 0 THEN c.inbox_id ELSE excluded.inbox_id END,
  source_id = coalesce(nullif(excluded.source_id, ''), c.source_id)
WHERE (c.contact_id IS NULL AND excluded.contact_id IS NOT NULL) OR (%(inbox)s <> 0 AND c.inbox_id <> excluded.inbox_id)
  OR excluded.source_id NOT IN ('', c.source_id)
"""

# Chatwoot tells when a button was sent, not when it was pressed: that is taken to be now.
SENT_AT = "CASE WHEN NOT %(is_press)s THEN %(sent_at)s::timestamptz END"

# The statement above holds the row's lock, so what is read here is the newest state.
INSERT_INPUT = f"""
WITH c AS (
  SELECT c.id, c.in_seq, c.status = 'resolved' OR c.owner_reason = 'resolved' AS was_resolved,
         coalesce(i.debounce_s, %(debounce_s)s) AS debounce_s,
         coalesce(%(at)s::timestamptz < c.status_at, false) AS is_stale,
         -- pending again, after it had not been: a handback. A person who answers in pending keeps it.
         NOT %(theirs)s AND (c.status <> 'pending' OR c.owner_reason IN ('open', 'assigned', 'resolved'))
           AND (%(is_press)s OR coalesce(%(sent_at)s::timestamptz > c.last_human_at, true)) AS is_back,
         (SELECT m.arrived_at FROM message m WHERE m.conversation_id = c.id AND m.seq > c.answered_seq
          AND m.ignore_rule IS NULL ORDER BY m.seq LIMIT 1) AS oldest
  FROM conversation c JOIN inbox i ON i.id = c.inbox_id WHERE c.chatwoot_id = %(conversation)s
), m AS (
  INSERT INTO message (conversation_id, chatwoot_id, kind, variant, seq, author, text, attachments, is_unsupported,
                       ignore_rule, source, sent_at, changed_at)
  SELECT c.id, %(message)s, %(kind)s, %(variant)s, c.in_seq + 1, 'customer', %(text)s, %(attachments)s::jsonb,
         %(is_unsupported)s, nullif(%(rule)s, ''), %(source)s, {SENT_AT}, %(changed_at)s
  FROM c WHERE NOT {ERASED} ON CONFLICT (chatwoot_id, kind, variant) DO NOTHING
  RETURNING conversation_id, seq
), void AS (
  DELETE FROM timer t USING m WHERE t.conversation_id = m.conversation_id AND %(rule)s = ''
    AND t.reason IN {VOID_BY_CUSTOMER}
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
  context_from = CASE WHEN c.is_back AND c.was_resolved AND NOT c.is_stale THEN %(message)s - 1 ELSE u.context_from END,
  status_at = greatest(u.status_at, %(at)s::timestamptz),
  updated_at = now()
FROM m, c
WHERE u.id = m.conversation_id
"""

INSERT_LINE = f"""
INSERT INTO message (conversation_id, chatwoot_id, author, text, source, sent_at)
SELECT id, %(message)s, %(author)s, %(text)s, %(source)s, %(sent_at)s FROM conversation WHERE chatwoot_id = %(conversation)s
  AND NOT {ERASED}
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
SPOKEN_TAKE_OVER = f"""
WITH l AS ({INSERT_LINE} RETURNING id), c AS ({TAKE_OVER} AND EXISTS (SELECT FROM l) RETURNING id)
DELETE FROM timer USING c WHERE timer.conversation_id = c.id
"""
RESOLVED = f"WITH c AS ({TAKE_OVER} RETURNING id) DELETE FROM timer USING c WHERE timer.conversation_id = c.id"

# Pending again after it was resolved: what was said before is another matter's.
HAND_BACK = """
WITH c AS (
  UPDATE conversation c SET owner = 'bot', owner_reason = '', handed_back_at = %(sent_at)s,
    context_from = CASE WHEN status <> 'resolved' THEN context_from ELSE greatest(context_from,
      (SELECT max(chatwoot_id) FROM message m WHERE m.conversation_id = c.id AND (m.seq IS NULL OR m.seq <= c.answered_seq)),
      (SELECT max(chatwoot_id) FROM part p WHERE p.conversation_id = c.id)) END
  WHERE chatwoot_id = %(conversation)s RETURNING id)
DELETE FROM timer USING c WHERE timer.conversation_id = c.id
"""

WAKE = """
UPDATE conversation SET wake_at = now(), wake_reason = concat_ws(',', wake_reason, %(wake)s::text)
WHERE chatwoot_id = %(conversation)s
"""

BOT_OFF = f"{SPOKEN_TAKE_OVER}".replace(
    "updated_at = now()", "wake_at = now(), wake_reason = concat_ws(',', wake_reason, %(wake)s::text)"
)
BOT_ON = f"""
WITH l AS ({INSERT_LINE} RETURNING id), c AS (
  UPDATE conversation SET owner = 'bot', owner_reason = '', handed_back_at = %(sent_at)s, wake_at = now(),
    wake_reason = concat_ws(',', wake_reason, %(wake)s::text)
  WHERE chatwoot_id = %(conversation)s AND EXISTS (SELECT FROM l) AND NOT EXISTS ( -- the later one's webhook may come first
    SELECT FROM message m WHERE m.conversation_id = conversation.id AND m.chatwoot_id > %(message)s
      AND (m.author = 'agent' OR m.author = 'command' AND m.text ~* '^\\s*/bot\\s+off'))
  RETURNING id)
DELETE FROM timer USING c WHERE timer.conversation_id = c.id
"""
# A label that gives it back, put on by somebody after people's last word. What comes twice does it once.
LABELLED = """
WITH c AS (
  UPDATE conversation SET owner = 'bot', owner_reason = '', handed_back_at = %(at)s, wake_at = now(),
    wake_reason = concat_ws(',', wake_reason, 'bot_on')
  WHERE chatwoot_id = %(conversation)s AND owner <> 'bot'
    AND coalesce(%(at)s::timestamptz > greatest(last_human_at, handed_back_at), true)
  RETURNING id)
DELETE FROM timer USING c WHERE timer.conversation_id = c.id
"""
# An agent asks why; who has the conversation stays as it is.
BOT_WHY = f"""
WITH l AS ({INSERT_LINE} RETURNING id)
UPDATE conversation SET wake_at = now(), wake_reason = concat_ws(',', wake_reason, %(wake)s::text)
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

# A part that we don't know: another installation, or this one before it was restored, has answered up to that message, or the
# press on it. What a timer or a failure caused answers nothing.
ANSWERED_ELSEWHERE = """
UPDATE message m SET ignore_rule = 'answered_elsewhere'
FROM conversation c WHERE c.id = m.conversation_id AND c.chatwoot_id = %(conversation)s AND m.ignore_rule IS NULL
  AND m.seq > c.answered_seq AND NOT %(is_wakes)s
  AND (m.kind = 'created' AND m.chatwoot_id <= %(newest)s
    OR m.kind = 'submitted' AND (m.chatwoot_id = %(pressed)s::bigint OR m.chatwoot_id = %(newest)s AND %(pressed)s::bigint > 0))
  AND NOT EXISTS (SELECT FROM part WHERE mark = %(mark)s)
"""

FAILED = """
WITH p AS (
  UPDATE part SET state = 'failed', error = %(error)s WHERE mark = %(mark)s AND state <> 'failed' RETURNING conversation_id)
UPDATE conversation SET wake_at = now(), wake_reason = concat_ws(',', wake_reason, 'delivery_failed')
FROM p WHERE conversation.id = p.conversation_id
"""

# What the customer changed; nothing is rung by it. An older update that comes later changes nothing, and what was deleted stays
# so. What we found out about an attachment stays with it; Chatwoot's own transcript comes before ours.
CHANGED = """
UPDATE message m SET
  text = coalesce(nullif(%(text)s, ''), m.text),
  attachments = coalesce((
    SELECT jsonb_agg(n.a || CASE
        WHEN o.a IS NULL THEN '{}'
        WHEN n.a ->> 'transcript' <> '' THEN jsonb_build_object('description', coalesce(o.a -> 'description', '""'))
        ELSE o.a - '{file_type,title,id,url,size}'::text[] END ORDER BY n.at)
    FROM jsonb_array_elements(%(attachments)s::jsonb) WITH ORDINALITY n (a, at)
    LEFT JOIN jsonb_array_elements(m.attachments) WITH ORDINALITY o (a, at)
      ON coalesce(nullif(n.a -> 'id', '0'), to_jsonb(n.at)) = coalesce(nullif(o.a -> 'id', '0'), to_jsonb(o.at))
  ), m.attachments),
  changed_at = greatest(m.changed_at, %(changed_at)s::timestamptz)
FROM conversation c
WHERE c.id = m.conversation_id AND c.chatwoot_id = %(conversation)s AND m.chatwoot_id = %(message)s AND m.kind = 'created'
  AND m.author = 'customer' AND m.ignore_rule IS DISTINCT FROM 'deleted'
  AND coalesce(%(changed_at)s::timestamptz >= m.changed_at, true)
"""

# Also of what was answered: neither the panel nor a later turn reads it any more.
DELETED = """
UPDATE message m SET ignore_rule = 'deleted', text = '', attachments = '[]',
  changed_at = greatest(m.changed_at, %(changed_at)s::timestamptz)
FROM conversation c
WHERE c.id = m.conversation_id AND c.chatwoot_id = %(conversation)s AND m.chatwoot_id = %(message)s AND m.author = 'customer'
"""

# An update may come before the message itself. Only of new ones: what was there before the installation isn't ours.
UPDATE_BEFORE_S = 60
INSERT_UPDATED = INSERT_INPUT.replace(
    "FROM c WHERE",
    f"FROM c WHERE coalesce(%(sent_at)s::timestamptz > now() - interval '{UPDATE_BEFORE_S} s', false) AND",
)

# Nothing is kept of what still comes of an erased conversation.
WEBHOOK = """
INSERT INTO webhook (delivery, event, conversation_chatwoot_id, outcome, error, body)
SELECT %(delivery)s, %(event)s, %(conversation)s, %(outcome)s, %(error)s,
  CASE WHEN EXISTS (SELECT FROM erased_conversation WHERE chatwoot_id = %(conversation)s)
    AND NOT EXISTS (SELECT FROM conversation WHERE chatwoot_id = %(conversation)s) THEN '' ELSE %(body)s END
"""

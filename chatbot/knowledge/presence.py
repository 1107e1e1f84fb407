"""Whether what an answer was made from is still there: a document may be taken away while the model thinks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import Connection

from chatbot.db import run, sql
from chatbot.knowledge.search import DRAFT

# a chunk's entry, in the live release today; of a page the copy that answers now
PRESENT_CHUNKS = sql("""
SELECT c.id FROM chunk c
  LEFT JOIN revision r ON r.id = c.revision_id
  LEFT JOIN page p ON p.copy_id = c.copy_id
  JOIN revision live ON live.entry_id = coalesce(r.entry_id, p.entry_id)
  JOIN release_revision rr ON rr.revision_id = live.id
  JOIN instance n ON n.live_release_id = rr.release_id
 WHERE c.id = ANY(cast(:chunks AS bigint[])) AND live.body ->> 'enabled' IS DISTINCT FROM 'false'
   AND coalesce(live.body ->> 'valid_from', '') <= :today AND coalesce(live.body ->> 'valid_until', '9999') >= :today
""")
PRESENT_FAQS = sql("""
SELECT e.key FROM entry e
  JOIN revision live ON live.entry_id = e.id
  JOIN release_revision rr ON rr.revision_id = live.id
  JOIN instance n ON n.live_release_id = rr.release_id
 WHERE e.kind = 'faq' AND e.key = ANY(cast(:keys AS text[])) AND live.body ->> 'enabled' IS DISTINCT FROM 'false'
""")


def find_gone(
    connection: Connection, release_id: int | None, chunks: Collection[int], faqs: Collection[str], today: date
) -> set[int | str]:
    """The chunks and FAQs that were taken out of what is live, switched off or have expired since they were found.

    A draft is tried out, not published: nothing of it is ever gone.
    """
    if release_id is None or release_id == DRAFT:
        return set()
    gone: set[int | str] = set(chunks) | set(faqs)
    if chunks:
        gone -= {row["id"] for row in run(connection, PRESENT_CHUNKS, {"chunks": list(chunks), "today": today.isoformat()})}
    if faqs:
        gone -= {row["key"] for row in run(connection, PRESENT_FAQS, {"keys": list(faqs)})}
    return gone

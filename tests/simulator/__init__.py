"""The log's protocol on stores in memory: one seed is one history, with its faults, and its check.

What decides is the service's own code: acceptance, reader, relay, gate and the building of batches.
What it stands on is invented here (`postgres`, `kafka`), and so are those that work with it
(`processes`, `clients`) and what befalls them (`faults`). `checks` reads what is left at the end,
and what everybody wrote down, by rules of its own.
"""

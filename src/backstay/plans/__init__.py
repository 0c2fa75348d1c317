"""From what a request asks to a statement: names resolved, rules attached, values as parameters.

`scope` walks paths and joins, `operands` and `compare` turn the filter language into SQL, `read` and `check` plan
whole statements. Nothing here touches a database.
"""

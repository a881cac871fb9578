-- The journal, version 33: the words that a search can find.
--
-- Lists of the words in the full-text indexes. They hold nothing themselves; a search completes the
-- beginning of a long word with them.

CREATE VIRTUAL TABLE run_words_known USING fts5vocab (run_words, instance);
CREATE VIRTUAL TABLE run_input_words_known USING fts5vocab (run_input_words, instance);

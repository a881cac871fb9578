-- The journal, version 25: passages that are found by what they mean.
--
-- A collection may have a model that makes vectors (`model`, what definitions call it); `embedder`
-- of a source is what the provider called the model that made the vectors of its passages. Both
-- are empty without. A `vector` is 32-bit floats, little end first, of length one.

ALTER TABLE knowledge_collections ADD COLUMN model TEXT NOT NULL DEFAULT '';
ALTER TABLE knowledge_sources ADD COLUMN embedder TEXT NOT NULL DEFAULT '';
ALTER TABLE knowledge_passages ADD COLUMN vector BLOB;

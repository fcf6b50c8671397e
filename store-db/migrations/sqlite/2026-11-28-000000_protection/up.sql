-- Whether a store's deletion is refused.
ALTER TABLE stores ADD COLUMN protected INTEGER NOT NULL DEFAULT 0 CHECK (protected IN (0, 1));

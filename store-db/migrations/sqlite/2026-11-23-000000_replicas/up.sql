-- What tells the credentials key of this installation from others, where several processes must have the same one.
ALTER TABLE installation ADD COLUMN credentials_key TEXT;
-- Which database has everything now, once this one was moved: nobody works with this one any more.
ALTER TABLE installation ADD COLUMN moved_to TEXT;

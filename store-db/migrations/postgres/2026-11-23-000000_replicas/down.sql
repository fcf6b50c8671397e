ALTER TABLE installation DROP COLUMN moved_to;
ALTER TABLE installation DROP COLUMN credentials_key;

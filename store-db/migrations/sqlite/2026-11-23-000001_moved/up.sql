-- Whoever has the file open while its installation is moved must not go on writing into it: that would be lost. Only the
-- mark itself may change, since a move that did not come through takes it back.

CREATE TRIGGER stores_moved_insert BEFORE INSERT ON stores WHEN (SELECT moved_to FROM installation) IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this installation was moved to another database'); END;
CREATE TRIGGER stores_moved_update BEFORE UPDATE ON stores WHEN (SELECT moved_to FROM installation) IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this installation was moved to another database'); END;
CREATE TRIGGER stores_moved_delete BEFORE DELETE ON stores WHEN (SELECT moved_to FROM installation) IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this installation was moved to another database'); END;

CREATE TRIGGER sealed_passwords_moved_insert BEFORE INSERT ON sealed_passwords WHEN (SELECT moved_to FROM installation) IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this installation was moved to another database'); END;
CREATE TRIGGER sealed_passwords_moved_update BEFORE UPDATE ON sealed_passwords WHEN (SELECT moved_to FROM installation) IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this installation was moved to another database'); END;
CREATE TRIGGER sealed_passwords_moved_delete BEFORE DELETE ON sealed_passwords WHEN (SELECT moved_to FROM installation) IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this installation was moved to another database'); END;

CREATE TRIGGER events_moved_insert BEFORE INSERT ON events WHEN (SELECT moved_to FROM installation) IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this installation was moved to another database'); END;
CREATE TRIGGER events_moved_update BEFORE UPDATE ON events WHEN (SELECT moved_to FROM installation) IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this installation was moved to another database'); END;
CREATE TRIGGER events_moved_delete BEFORE DELETE ON events WHEN (SELECT moved_to FROM installation) IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this installation was moved to another database'); END;

CREATE TRIGGER idempotency_keys_moved_insert BEFORE INSERT ON idempotency_keys WHEN (SELECT moved_to FROM installation) IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this installation was moved to another database'); END;
CREATE TRIGGER idempotency_keys_moved_update BEFORE UPDATE ON idempotency_keys WHEN (SELECT moved_to FROM installation) IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this installation was moved to another database'); END;
CREATE TRIGGER idempotency_keys_moved_delete BEFORE DELETE ON idempotency_keys WHEN (SELECT moved_to FROM installation) IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this installation was moved to another database'); END;

CREATE TRIGGER installation_moved_update BEFORE UPDATE OF singleton, id, cluster_uid, credentials_key ON installation
    WHEN old.moved_to IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this installation was moved to another database'); END;
CREATE TRIGGER installation_moved_delete BEFORE DELETE ON installation WHEN old.moved_to IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'this installation was moved to another database'); END;

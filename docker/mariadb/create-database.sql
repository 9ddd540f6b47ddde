-- The database of Paseport and its two users. Expects @service_password and @migration_password.
-- The issuer reads and writes rows; only `paseport migrate` changes tables.
CREATE DATABASE IF NOT EXISTS paseport CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

EXECUTE IMMEDIATE CONCAT('CREATE OR REPLACE USER paseport@''%'' IDENTIFIED BY ', QUOTE(@service_password));
EXECUTE IMMEDIATE CONCAT('CREATE OR REPLACE USER paseport_migrate@''%'' IDENTIFIED BY ', QUOTE(@migration_password));

GRANT SELECT, INSERT, UPDATE, DELETE ON paseport.* TO paseport@'%';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON paseport.* TO paseport_migrate@'%';

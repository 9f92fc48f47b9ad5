-- The table of deploy/compose/millrace.json, as `millrace ddl` prints it.
CREATE TABLE `events` (
  `id` BINARY(20) NOT NULL,
  `type` VARCHAR(16) NOT NULL,
  `user_id` VARCHAR(64) NULL,
  `total` DECIMAL(12,2) NULL,
  `occurred_at` DATETIME(6) NULL,
  `properties` VARCHAR(1024) NULL,
  `kafka_offset` BIGINT NULL,
  PRIMARY KEY (`id`)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

-- News as they were told, how they bear on the symbols they name. A text is stored once; shingles tell repeats.
-- step
CREATE TABLE IF NOT EXISTS trade_news (
  id           BINARY(16)    NOT NULL PRIMARY KEY,
  tenant_id    BINARY(16)    NOT NULL,
  at           DATETIME(6)   NOT NULL,
  source       VARCHAR(64)   NOT NULL,
  title        VARCHAR(500)  NOT NULL,
  body         MEDIUMTEXT    NOT NULL,
  url          VARCHAR(1000) NOT NULL DEFAULT '',
  digest       BINARY(32)    NOT NULL,
  score        DOUBLE        NOT NULL,
  authenticity DOUBLE        NOT NULL,
  novelty      DOUBLE        NOT NULL,
  counted      BOOLEAN       NOT NULL,
  engine       VARCHAR(16)   CHARACTER SET ascii NOT NULL,
  lexicon      CHAR(64)      CHARACTER SET ascii NOT NULL,
  hits         MEDIUMTEXT    NOT NULL,
  shingles     MEDIUMBLOB    NOT NULL,
  created_at   DATETIME(6)   NOT NULL,
  UNIQUE KEY once (tenant_id, digest),
  KEY tenant (tenant_id, id),
  KEY recent (tenant_id, at),
  KEY created (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_sentiment (
  tenant_id    BINARY(16)  NOT NULL,
  symbol       VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  news_id      BINARY(16)  NOT NULL,
  at           DATETIME(6) NOT NULL,
  source       VARCHAR(64) NOT NULL,
  score        DOUBLE      NOT NULL,
  weight       DOUBLE      NOT NULL,
  novelty      DOUBLE      NOT NULL,
  authenticity DOUBLE      NOT NULL,
  counted      BOOLEAN     NOT NULL,
  PRIMARY KEY (tenant_id, symbol, news_id),
  KEY recent (tenant_id, symbol, at),
  KEY news (news_id),
  CONSTRAINT trade_sentiment_news FOREIGN KEY (news_id) REFERENCES trade_news (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- step
CREATE TABLE IF NOT EXISTS trade_alias (
  tenant_id  BINARY(16)   NOT NULL,
  alias      VARCHAR(200) NOT NULL,
  symbol     VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at DATETIME(6)  NOT NULL,
  PRIMARY KEY (tenant_id, alias),
  KEY symbol (tenant_id, symbol)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
-- Results of the job type sentiment_analysis by what was asked and of what: a repeat is the same answer.
-- step
CREATE TABLE IF NOT EXISTS trade_sentiment_result (
  tenant_id  BINARY(16)  NOT NULL,
  digest     BINARY(32)  NOT NULL,
  result     MEDIUMTEXT  NOT NULL,
  created_at DATETIME(6) NOT NULL,
  PRIMARY KEY (tenant_id, digest),
  KEY created (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4

/** The steps that make the database; each runs once, in order. A released step is never changed, only followed. */
export const schema: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

  -- An image of one platform. id is the digest of its config, whose very bytes are kept here.
  CREATE TABLE images (
    id TEXT PRIMARY KEY,
    config BLOB NOT NULL,
    architecture TEXT NOT NULL,
    os TEXT NOT NULL,
    variant TEXT NOT NULL DEFAULT '',
    parent TEXT NOT NULL DEFAULT '',
    -- When a name was last given to it, in milliseconds since 1970; 0 for never.
    tagged INTEGER NOT NULL DEFAULT 0,
    -- 1: removed by force while a container still needs its layers; goes when that container goes.
    removed INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  -- chain_id as in the OCI image specification; the agent's layer id is its first 16 hex digits. blob is the digest of
  -- the layer's tar in the content store, compressed as it came; length counts the bytes of the tar uncompressed, size
  -- those of the files in it.
  CREATE TABLE layers (
    chain_id TEXT PRIMARY KEY,
    diff_id TEXT NOT NULL,
    blob TEXT NOT NULL,
    length INTEGER NOT NULL,
    size INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE image_layers (
    image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    chain_id TEXT NOT NULL REFERENCES layers(chain_id),
    PRIMARY KEY (image, position)
  ) STRICT;

  -- "docker.io/library/busybox:latest" or "…@sha256:…" -> image
  CREATE TABLE image_references (
    reference TEXT PRIMARY KEY,
    image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE
  ) STRICT;
  CREATE INDEX image_references_image ON image_references(image);

  -- A container: what create was given (config: JSON of Config, HostConfig, NetworkingConfig as the API has them) and
  -- what became of it (state: JSON).
  CREATE TABLE containers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    image TEXT NOT NULL,
    created INTEGER NOT NULL,
    config TEXT NOT NULL,
    state TEXT NOT NULL
  ) STRICT;

  CREATE TABLE volumes (
    name TEXT PRIMARY KEY,
    created INTEGER NOT NULL,
    driver TEXT NOT NULL,
    options TEXT NOT NULL,
    labels TEXT NOT NULL,
    anonymous INTEGER NOT NULL,
    -- A path in the guest.
    mountpoint TEXT NOT NULL
  ) STRICT;

  CREATE TABLE networks (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    config TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- A manifest or an index as it came, byte for byte; digest is that of its bytes, image the one that it leads to here.
  CREATE TABLE manifests (
    image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    type TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (image, digest)
  ) STRICT;

  -- Where else the tar of a layer is known to lie: in which repository ("docker.io/library/busybox"), as which blob.
  CREATE TABLE layer_sources (
    diff_id TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (diff_id, repository, digest)
  ) STRICT;
  `,
  `
  -- What a step of a build made on an image ('' for none); key is the digest of all else that the step depends on.
  CREATE TABLE build_steps (
    parent TEXT NOT NULL,
    key TEXT NOT NULL,
    image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
    PRIMARY KEY (parent, key)
  ) STRICT;
  CREATE INDEX build_steps_image ON build_steps(image);

  -- The digest of what COPY --from took from an image.
  CREATE TABLE build_contents (
    image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
    sources TEXT NOT NULL,
    kind TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (image, sources)
  ) STRICT;
  `,
  // Networks of users: pools instead of one subnet, and all that such a network can be asked for.
  `
  UPDATE networks SET config = json_object(
    'driver', config ->> 'driver',
    'bridge', ifnull(config ->> 'bridge', ''),
    'pools', CASE WHEN config ->> 'subnet' IS NULL THEN json('[]') ELSE json_array(json_object(
      'subnet', config ->> 'subnet', 'gateway', config ->> 'gateway', 'chosen', json('true'))) END,
    'ipv4', json('true'), 'ipv6', json('false'), 'internal', json('false'), 'attachable', json('false'),
    'options', json('{}'), 'labels', json('{}'), 'ipamOptions', NULL
  );
  `,
  `
  -- The folders of RUN --mount=type=cache: volumes of the agent's that are none of Docker's. Times in ms since 1970.
  CREATE TABLE build_mounts (
    volume TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    created INTEGER NOT NULL,
    used INTEGER NOT NULL,
    uses INTEGER NOT NULL
  ) STRICT;
  `,
]

-- Level 2. Who may come into the cluster, and who came (DESIGN 5).

create table tokens( -- to join with; the secret itself stands nowhere
    id integer primary key,     -- drawn by the leader, 32 bits: the token's name
    modes integer not null,     -- bits: enum mode; who comes takes some of them
    hash blob not null,         -- model/token.h, token_hash()
    made_by text not null,
    made_ms integer not null,
    until_ms integer not null,
    revoked_ms integer,
    used integer not null default 0, -- how often
    used_ms integer                  -- last
) strict;
create index tokens_by_end on tokens(until_ms);

create table identities( -- who was admitted; an id is for one disk
    id integer primary key,     -- Raft's
    store integer not null unique, -- of state.db and node.json
    name text not null,
    address text not null,      -- of the peer port
    modes integer not null,     -- bits: enum mode
    serial integer not null,    -- of the newest certificate
    until_ms integer not null,  -- when that ends
    joined_ms integer not null,
    token integer,              -- the last it came with; null: the first node of all
    gone_ms integer             -- another node took its place: it may not come back
) strict;
create unique index identities_by_address on identities(address) where gone_ms is null;
create index identities_gone on identities(gone_ms) where gone_ms is not null;

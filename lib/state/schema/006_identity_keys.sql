-- Level 6. By which key a node that was admitted is known.

create table identity_keys( -- of nodes that are of the cluster; none: it has not said its own yet
    node integer primary key,
    hash blob not null      -- SHA-256 of the public key (SubjectPublicKeyInfo, DER)
) strict;

-- Reserved for grafana_access; replaced before the first release that carries it.
select 1;

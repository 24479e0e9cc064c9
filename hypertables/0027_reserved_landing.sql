-- Reserved for landing; replaced before the first release that carries it.
select 1;

-- Reserved for exports; replaced before the first release that carries it.
select 1;

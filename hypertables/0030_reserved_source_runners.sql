-- Reserved for source_runners; replaced before the first release that carries it.
select 1;

-- Reserved for churn_and_alerts; replaced before the first release that carries it.
select 1;

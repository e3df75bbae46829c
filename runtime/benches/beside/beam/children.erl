%% A supervisor with one child, which says to somebody that it started.
-module(children).
-behaviour(supervisor).
-export([start_link/1, init/1, start_child/1]).

start_link(Main) -> supervisor:start_link(?MODULE, Main).

init(Main) ->
    Child = #{id => child, start => {?MODULE, start_child, [Main]}},
    {ok, {#{strategy => one_for_one, intensity => 1000000000, period => 5}, [Child]}}.

start_child(Main) ->
    {ok, proc_lib:spawn_link(fun() -> Main ! {started, self()}, figures:until_stopped() end)}.

%% A server that counts.
-module(counter).
-behaviour(gen_server).
-export([start/0, add/1, get/1, init/1, handle_call/3, handle_cast/2]).

start() ->
    {ok, Pid} = gen_server:start(?MODULE, [], []),
    Pid.

add(Pid) -> gen_server:cast(Pid, {add, 1}).

get(Pid) -> gen_server:call(Pid, get).

init([]) -> {ok, 0}.

handle_call(get, _From, Count) -> {reply, Count, Count}.

handle_cast({add, N}, Count) -> {noreply, Count + N}.

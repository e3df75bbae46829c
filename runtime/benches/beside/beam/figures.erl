%% The figures on the BEAM. Registry, Task and DynamicSupervisor are Elixir's, called as any module.
-module(figures).
-export([main/1, until_stopped/0, start_idle/0]).

-define(RING, 1000).
-define(CLIENTS, 100).
-define(PRODUCERS, 8).
-define(DEEP, 10000).
-define(KEYS, 10000).
-define(SUBSCRIBERS, 10000).
-define(DUE, 1000).

main([Figure, Size]) ->
    logger:set_primary_config(level, none),
    Main = self(),
    spawn(fun() -> Main ! {found, figure(list_to_atom(Figure), list_to_integer(Size))} end),
    receive
        {found, {time, Nanoseconds, Operations}} -> io:format("time ~b ~b~n", [Nanoseconds, Operations]);
        {found, {bytes, Bytes, Processes}} -> io:format("bytes ~b ~b~n", [Bytes, Processes]);
        {found, nothing} -> io:format("none~n")
    end,
    erlang:halt(0).

now_() -> erlang:monotonic_time(nanosecond).

since(Began, Operations) -> {time, now_() - Began, Operations}.

times(0, _) -> ok;
times(N, F) -> F(), times(N - 1, F).

dones(0) -> ok;
dones(N) -> receive done -> dones(N - 1) end.

until_stopped() -> receive stop -> ok end.

settle() -> timer:sleep(100).

is_last_of(Count, All) -> atomics:add_get(Count, 1, 1) =:= All.

figure(ping_pong, Messages) ->
    Pong = spawn(fun pong/0),
    Began = now_(),
    ping(Messages div 2, Pong),
    since(Began, Messages);
figure(ring, Hops) ->
    Next = lists:foldl(fun(_, To) -> spawn(fun() -> hop(To) end) end, self(), lists:seq(2, ?RING)),
    Rounds = Hops div ?RING,
    Began = now_(),
    times(Rounds, fun() -> Next ! ?RING - 1, receive 0 -> ok end end),
    since(Began, Rounds * ?RING);
figure(call, Calls) ->
    Counter = counter:start(),
    Began = now_(),
    calls(Calls, Counter),
    since(Began, Calls);
figure(call_100, Calls) ->
    Counter = counter:start(),
    Main = self(),
    Each = Calls div ?CLIENTS,
    Began = now_(),
    times(?CLIENTS, fun() -> spawn(fun() -> calls(Each, Counter), Main ! done end) end),
    dones(?CLIENTS),
    since(Began, Each * ?CLIENTS);
figure(cast, Casts) ->
    Counter = counter:start(),
    Began = now_(),
    casts(Casts, Counter),
    Casts = counter:get(Counter),
    since(Began, Casts);
figure(cast_8, Casts) ->
    Counter = counter:start(),
    Main = self(),
    Each = Casts div ?PRODUCERS,
    Began = now_(),
    times(?PRODUCERS, fun() ->
        spawn(fun() ->
            casts(Each, Counter),
            gen_server:call(Counter, get, infinity),
            Main ! done
        end)
    end),
    dones(?PRODUCERS),
    since(Began, Each * ?PRODUCERS);
figure(spawn, Processes) ->
    Main = self(),
    Count = atomics:new(1, []),
    Began = now_(),
    times(Processes, fun() ->
        spawn(fun() ->
            case is_last_of(Count, Processes) of
                true -> Main ! done;
                false -> ok
            end
        end)
    end),
    dones(1),
    since(Began, Processes);
figure(monitor, Processes) ->
    Began = now_(),
    times(Processes, fun() ->
        {_, Ref} = spawn_monitor(fun() -> ok end),
        receive {'DOWN', Ref, process, _, _} -> ok end
    end),
    since(Began, Processes);
figure(downs, Processes) ->
    Pids = [element(1, spawn_monitor(fun until_stopped/0)) || _ <- lists:seq(1, Processes)],
    settle(),
    Began = now_(),
    lists:foreach(fun(Pid) -> Pid ! stop end, Pids),
    times(Processes, fun() -> receive {'DOWN', _, process, _, _} -> ok end end),
    since(Began, Processes);
figure(chain, Processes) ->
    Main = self(),
    First = spawn(fun() -> element_of_chain(Processes - 1, Main) end),
    Last = receive {last, Pid} -> Pid end,
    Ref = monitor(process, Last),
    settle(),
    Began = now_(),
    exit(First, fall),
    receive {'DOWN', Ref, process, _, _} -> ok end,
    since(Began, Processes);
figure(star, Processes) ->
    Main = self(),
    Before = erlang:system_info(process_count),
    Centre = spawn(fun() ->
        times(Processes - 1, fun() -> spawn_link(fun until_stopped/0) end),
        Main ! done,
        until_stopped()
    end),
    dones(1),
    settle(),
    Began = now_(),
    exit(Centre, fall),
    until(fun() -> erlang:system_info(process_count) =< Before end, fun erlang:yield/0),
    since(Began, Processes);
figure(selective, Receives) ->
    fill_mailbox(),
    Began = now_(),
    times(Receives, fun() -> self() ! done, dones(1) end),
    since(Began, Receives);
figure(deep_call, Calls) ->
    fill_mailbox(),
    figure(call, Calls);
figure(timer_start, Timers) ->
    Began = now_(),
    times(Timers, fun() -> erlang:send_after(3600000, self(), done) end),
    since(Began, Timers);
figure(timer_cancel, Count) ->
    Timers = [erlang:send_after(3600000, self(), done) || _ <- lists:seq(1, Count)],
    Began = now_(),
    lists:foreach(fun(Timer) -> erlang:cancel_timer(Timer) end, Timers),
    since(Began, Count);
figure(timer_fire, Timers) ->
    Due = now_() + ?DUE * 1000000,
    At = erlang:convert_time_unit(Due, nanosecond, millisecond),
    times(Timers, fun() -> erlang:send_after(At, self(), done, [{abs, true}]) end),
    dones(Timers),
    since(Due, Timers);
figure(restarts, Restarts) ->
    {ok, _} = children:start_link(self()),
    Began = now_(),
    times(Restarts, fun() -> receive {started, Pid} -> exit(Pid, kill) end end),
    receive {started, _} -> ok end,
    since(Began, Restarts);
figure(idle_process, Processes) ->
    Before = resident(),
    times(Processes, fun() -> spawn(fun until_stopped/0) end),
    settle(),
    {bytes, resident() - Before, Processes};
figure(idle_server, Processes) ->
    Before = resident(),
    times(Processes, fun counter:start/0),
    settle(),
    {bytes, resident() - Before, Processes};
figure(Figure, Size) ->
    case code:which('Elixir.Registry') of
        non_existing -> nothing;
        _ -> elixir(Figure, Size)
    end.

elixir(start_children, Children) ->
    Began = now_(),
    with_children(Children),
    since(Began, Children);
elixir(stop_children, Children) ->
    Supervisor = with_children(Children),
    settle(),
    Began = now_(),
    'Elixir.DynamicSupervisor':stop(Supervisor),
    since(Began, Children);
elixir(register, Keys) ->
    start_registry(unique),
    Began = now_(),
    register_keys(Keys),
    since(Began, Keys);
elixir(lookup, Lookups) ->
    start_registry(unique),
    register_keys(?KEYS),
    Began = now_(),
    lookups(Lookups),
    since(Began, Lookups);
elixir(dispatch, Wanted) ->
    start_registry(duplicate),
    Main = self(),
    Count = atomics:new(1, []),
    Messages = Wanted div ?SUBSCRIBERS * ?SUBSCRIBERS,
    times(?SUBSCRIBERS, fun() ->
        spawn(fun() ->
            {ok, _} = 'Elixir.Registry':register(keys, topic, nil),
            Main ! done,
            subscriber(Main, Count, Messages)
        end)
    end),
    dones(?SUBSCRIBERS),
    Send = fun(Subscribers) -> lists:foreach(fun({Pid, _}) -> Pid ! pong end, Subscribers) end,
    Began = now_(),
    times(Messages div ?SUBSCRIBERS, fun() -> 'Elixir.Registry':dispatch(keys, topic, Send) end),
    dones(1),
    since(Began, Messages);
elixir(cleanup, Processes) ->
    start_registry(unique),
    Main = self(),
    Owner = fun(Key) ->
        spawn(fun() ->
            {ok, _} = 'Elixir.Registry':register(keys, Key, nil),
            Main ! done,
            until_stopped()
        end)
    end,
    Owners = [Owner(Key) || Key <- lists:seq(1, Processes)],
    dones(Processes),
    settle(),
    Began = now_(),
    lists:foreach(fun(Pid) -> Pid ! stop end, Owners),
    until(fun() -> 'Elixir.Registry':count(keys) =:= 0 end, fun() -> timer:sleep(1) end),
    since(Began, Processes);
elixir(task, Tasks) ->
    Began = now_(),
    tasks(Tasks),
    since(Began, Tasks);
elixir(async_stream, Items) ->
    Began = now_(),
    Stream = 'Elixir.Task':async_stream(lists:seq(1, Items), fun(N) -> N end),
    Items = 'Elixir.Enum':count(Stream),
    since(Began, Items);
elixir(_, _) ->
    nothing.

with_children(Children) ->
    {ok, Supervisor} = 'Elixir.DynamicSupervisor':start_link([{strategy, one_for_one}]),
    Child = #{id => child, start => {?MODULE, start_idle, []}, restart => temporary},
    times(Children, fun() -> {ok, _} = 'Elixir.DynamicSupervisor':start_child(Supervisor, Child) end),
    Supervisor.

start_idle() -> {ok, spawn_link(fun until_stopped/0)}.

start_registry(Keys) -> {ok, _} = 'Elixir.Registry':start_link([{keys, Keys}, {name, keys}]).

register_keys(0) -> ok;
register_keys(Key) ->
    {ok, _} = 'Elixir.Registry':register(keys, Key, nil),
    register_keys(Key - 1).

lookups(0) -> ok;
lookups(N) ->
    [_] = 'Elixir.Registry':lookup(keys, N rem ?KEYS + 1),
    lookups(N - 1).

subscriber(Main, Count, Messages) ->
    receive pong -> ok end,
    case is_last_of(Count, Messages) of
        true -> Main ! done;
        false -> ok
    end,
    subscriber(Main, Count, Messages).

tasks(0) -> ok;
tasks(N) ->
    N = 'Elixir.Task':await('Elixir.Task':async(fun() -> N end)),
    tasks(N - 1).

pong() -> receive {ping, From} -> From ! pong, pong() end.

ping(0, _) -> ok;
ping(N, Pong) ->
    Pong ! {ping, self()},
    receive pong -> ok end,
    ping(N - 1, Pong).

hop(To) -> receive Left -> To ! Left - 1, hop(To) end.

calls(0, _) -> ok;
calls(N, Counter) -> counter:get(Counter), calls(N - 1, Counter).

casts(0, _) -> ok;
casts(N, Counter) -> counter:add(Counter), casts(N - 1, Counter).

element_of_chain(0, Main) -> Main ! {last, self()}, until_stopped();
element_of_chain(Left, Main) ->
    spawn_link(fun() -> element_of_chain(Left - 1, Main) end),
    until_stopped().

fill_mailbox() -> times(?DEEP, fun() -> self() ! junk end).

until(Holds, Wait) ->
    case Holds() of
        true -> ok;
        false -> Wait(), until(Holds, Wait)
    end.

%% The BEAM's own account leaves out what the allocators keep free, so Linux is asked.
resident() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = binary:split(Text, <<" ">>, [global]),
    binary_to_integer(Pages) * 4096.
